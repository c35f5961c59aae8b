# Sourced by tests/run and conf/demo: installs packages and builds. Debian and Ubuntu.
# shellcheck shell=bash

# What building needs, and what running the tests and the demo needs besides.
build_packages=(g++ cmake ninja-build libev-dev libmnl-dev libssl-dev libspdlog-dev libfmt-dev libcli11-dev libexpected-dev
                libgtest-dev nlohmann-json3-dev libisal-dev)
# For x86-64 alone; without it OpenSSL does its work.
[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] && build_packages+=(libipsec-mb-dev)
test_packages=(libbenchmark-dev shellcheck clang libclang-rt-14-dev clang-format clang-tidy python3 socat openvpn nftables iproute2 iputils-ping
               python3-cryptography-vectors golang-github-flynn-noise-dev)

# Of these, what tests run is unpacked into build/packages: once installed it would be started as a service.
unpacked_packages=(nginx libnginx-mod-stream)

say() { printf '\n== %s\n' "$*"; }

# install PACKAGE...: those that are missing, with the rights to do so; otherwise it says which are missing, and goes on.
install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo)
    else
      say "missing, and no right to install them: ${missing[*]}"
      echo "   as root: apt-get install ${missing[*]}"
      return 0
    fi
  fi
  if ! command -v apt-get >/dev/null; then
    say "missing, and no apt-get here: ${missing[*]}"
    return 0
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# unpack FOLDER PACKAGE...: their files, without installing them; once for the same packages.
unpack() {
  local folder=$1 downloads package
  shift
  [ "$(cat "$folder/.unpacked" 2>/dev/null)" = "$*" ] && return 0
  command -v apt-get >/dev/null || return 0
  say "unpacking $* into ${folder#"$top/"}"
  downloads=$(mktemp -d)
  if download "$downloads" "$@" || { apt-get update -qq 2>/dev/null && download "$downloads" "$@"; }; then
    mkdir -p "$folder"
    for package in "$downloads"/*.deb; do dpkg-deb -x "$package" "$folder"; done
    echo "$*" >"$folder/.unpacked"
  else
    echo "   can't be downloaded: tests that need them are skipped"
  fi
  rm -rf "$downloads"
}

download() {
  (cd "$1" && shift && apt-get download -qq "$@" 2>/dev/null)
}

# build FOLDER CMAKE-OPTION...: everything, or what the array `targets` names.
targets=()
build() {
  local folder=$1
  shift
  local generator=()
  command -v ninja >/dev/null && [ ! -f "$folder/CMakeCache.txt" ] && generator=(-G Ninja)
  mkdir -p "$folder"
  local log=$folder/build.log
  cmake -S "$top" -B "$folder" "${generator[@]}" "$@" >"$log" 2>&1 || { cat "$log"; return 1; }
  cmake --build "$folder" -j "$(nproc)" ${targets[@]+--target "${targets[@]}"} >>"$log" 2>&1 || { tail -n 60 "$log"; return 1; }
}
