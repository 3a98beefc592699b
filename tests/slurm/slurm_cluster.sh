#!/usr/bin/env bash
# A real Slurm on this machine, for tests: two nodes, each of four processors and one GPU (a token: /dev/null).
#
#   tests/slurm/slurm_cluster.sh up      installs slurm-wlm and munge where they are missing, and starts it
#   tests/slurm/slurm_cluster.sh down    stops it and removes its configuration and state; the packages stay
#
# Both can be repeated. Status 77 and one line where it cannot be: without root, without Debian's
# packages, or beside a Slurm that is not this script's, which is left alone.
set -euo pipefail

CONFIG=/etc/slurm
STATE=/run/tto-slurm # its logs, too
MARK="# Made by tests/slurm/slurm_cluster.sh, whose 'down' removes it."

cannot() {
  echo "slurm_cluster.sh: $*" >&2
  exit 77
}

ours() { head -n 1 "$CONFIG/slurm.conf" 2>/dev/null | grep -qxF "$MARK"; }

check() {
  [ "$(id -u)" = 0 ] || cannot "a Slurm for tests needs root: it installs packages and starts daemons"
  ours && return
  [ ! -e "$CONFIG/slurm.conf" ] || cannot "this machine has a Slurm of its own ($CONFIG/slurm.conf); it is left alone"
  ! { pgrep -x slurmctld || pgrep -x slurmd; } >/dev/null || cannot "another Slurm runs on this machine; it is left alone"
}

install_packages() {
  command -v slurmctld slurmd sbatch munged >/dev/null && return
  command -v apt-get >/dev/null || cannot "Slurm is not installed, and there is no apt-get to install it with"
  local log
  log=$(mktemp)
  {
    apt-get update &&
      DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        install --yes --no-install-recommends slurm-wlm munge
  } >"$log" 2>&1 || cannot "slurm-wlm and munge cannot be installed: $(tail -n 1 "$log") (all of it: $log)"
  rm "$log"
}

write_configuration() {
  local host
  host=$(hostname -s)
  install -d "$CONFIG" "$STATE"
  install -d -o slurm "$STATE/state"
  cat >"$CONFIG/gres.conf" <<END
$MARK
NodeName=n[1-2] Name=gpu File=/dev/null
END
  cat >"$CONFIG/slurm.conf" <<END
$MARK
ClusterName=tto
SlurmctldHost=$host(127.0.0.1)
SlurmUser=slurm
# A job that is put back into the queue waits until its old credential has expired.
AuthType=auth/munge
AuthInfo=cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
# Finished jobs can be asked about until the tests end.
MinJobAge=86400
StateSaveLocation=$STATE/state
SlurmdSpoolDir=$STATE/spool.%n
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/slurmd.%n.pid
SlurmctldLogFile=$STATE/slurmctld.log
SlurmdLogFile=$STATE/slurmd.%n.log
GresTypes=gpu
# More memory than there is: jobs ask for what they would need at full size.
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=4 RealMemory=64000 Gres=gpu:1
PartitionName=main Nodes=ALL Default=YES MaxTime=7-0
END
}

idle_nodes() { sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | wc -l; }

start() {
  if ! munge --no-input >/dev/null 2>&1; then
    install -d -o munge -g munge -m 755 /run/munge
    touch "$STATE/munged" # it is ours to stop
    runuser -u munge -- munged
  fi
  slurmctld
  slurmd -N n1
  slurmd -N n2
  for _ in $(seq 60); do
    [ "$(idle_nodes)" = 2 ] && return
    sleep 0.5
  done
  echo "slurm_cluster.sh: the nodes did not come up; see $STATE/*.log" >&2
  exit 1
}

stop_daemon() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$pid"
}

down() {
  ours || return 0
  if timeout 10 scontrol ping >/dev/null 2>&1; then
    squeue --noheader --format=%A | xargs --no-run-if-empty scancel --full --signal=KILL
    for _ in $(seq 100); do
      [ -z "$(squeue --noheader)" ] && break
      sleep 0.1
    done
  fi
  for name in slurmd.n1 slurmd.n2 slurmctld; do stop_daemon "$STATE/$name.pid"; done
  [ ! -e "$STATE/munged" ] || stop_daemon /run/munge/munged.pid
  rm -rf "$STATE" "$CONFIG/gres.conf" "$CONFIG/slurm.conf"
}

case "${1:-}" in
  up)
    check
    if [ "$(idle_nodes)" = 2 ] && ours; then exit; fi
    down
    install_packages
    write_configuration
    start
    ;;
  down)
    check
    down
    ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
