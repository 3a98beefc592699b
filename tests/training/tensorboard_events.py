"""A reader of TensorBoard's event files."""

from pathlib import Path

from tensorboardX.proto import event_pb2


def scalars(folder: Path, name: str) -> dict[int, float]:
    """Values of one scalar by step; no step may occur twice."""
    found: dict[int, float] = {}
    for file in sorted(folder.iterdir()):
        content, position = file.read_bytes(), 0
        while position < len(content):  # length, its checksum, the event, its checksum
            length = int.from_bytes(content[position : position + 8], "little")
            event = event_pb2.Event()
            event.ParseFromString(content[position + 12 : position + 12 + length])
            position += 16 + length
            for value in event.summary.value:
                if value.tag == name:
                    assert event.step not in found
                    found[event.step] = value.simple_value
    return found
