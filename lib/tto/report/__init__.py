"""Report: tables and figures, all derived from files of raw rows."""
