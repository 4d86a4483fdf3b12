# Sourced by scripts that need root.
# become_root WHY SCRIPT [ARGUMENT...]: returns if this is root, and else runs the script again by
# sudo, with the variables that it reads.
become_root() {
  [ "$(id -u)" -ne 0 ] || return 0
  local why=$1 name=${2##*/} kept
  shift
  if ! command -v sudo >/dev/null; then
    echo "$name: needs root $why, and there is no sudo; run it as root" >&2
    exit 1
  fi
  echo "$name: needs root $why; continues with sudo" >&2
  # The proxies are for apt.
  kept=$(compgen -e | grep -E '^(TENET_.*|CI|CCACHE_.*|(http|https|no)_proxy|(HTTP|HTTPS|NO)_PROXY)$' |
    paste -sd ,) || true
  exec sudo ${kept:+"--preserve-env=$kept"} -- "$@"
}
