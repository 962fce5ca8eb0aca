# shellcheck shell=bash
# shellcheck disable=SC2034 # who sources this uses them
#
# . tools/root.sh PROGRAM TARGET - for what works in a root of Debian 13, whatever this machine runs.
# PROGRAM is who speaks, TARGET of the Makefile what it is called by.
#
# A root is made once, by debootstrap from the mirror that this machine's own apt uses, and kept in
# $cache, outside the checkout. On top of it lie layers, each a folder of what some more packages
# added. A run mounts base, layer and a folder of its own as one overlay, in its own mount
# namespace: what it does is gone with it, nothing stays mounted, and two runs do not meet.
#
#   base     what debootstrap leaves, with apt's sources
#   NAME     base and the packages of a layer; made anew when what it is made from changes
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

program=$1 target=$2
root_release=trixie
root_version=13
cache=${XDG_CACHE_HOME:-$HOME/.cache}/haul/$root_release
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
io_uring="io_uring_setup io_uring_enter io_uring_register" # what nspawn forbids without a word

say() { echo "$program: $*" >&2; }
die() { say "$@"; exit 1; }

stage() {
    local name=$1 start=$SECONDS
    shift
    echo "==== $name"
    "$@"
    echo "==== $name: $((SECONDS - start)) s"
}

# Runs a command with its words in a log, which is shown when it fails.
logged() { # LOG COMMAND...
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 60 "$log" >&2
    die "failed; all of it is in $log. The command was: $*"
}

# What would be committed here: names, each ended by a zero byte.
in_checkout() {
    git -C "$top" -c safe.directory="$top" ls-files -z --cached --others --exclude-standard |
        sort -z | (cd "$top" && perl -0ne 'chomp; print "$_\0" if -e || -l')
}

# Of what the packages are made from; what only tests the result does not count.
checkout_key() {
    in_checkout |
        grep -zvE '^(tests/(system|booted|run-)|tools/(deb|deps|root|apt)|bench/|\.ci/|CONT)' |
        (cd "$top" && xargs -0 sha256sum) | sha256sum
}

# Starts the calling script again where mounts are its own; the copy goes on behind this.
own_mounts() { # SCRIPT ARGUMENT...
    [ -z "${HAUL_OWN_MOUNTS:-}" ] || return 0
    [ "$(id -u)" = 0 ] ||
        die "this needs root, for debootstrap and systemd-nspawn: sudo make $target"
    command -v debootstrap >/dev/null || die "debootstrap is missing: tools/deps $target"
    command -v systemd-nspawn >/dev/null || die "systemd-nspawn is missing: tools/deps $target"
    HAUL_OWN_MOUNTS=1 exec unshare --mount --propagation private "$@"
}

open_cache() {
    mkdir -p "$cache"
    chmod 700 "$cache" # of apt's settings, a proxy may have a password
    exec 8>"$cache/lock"
    mkdir -p /run/systemd/nspawn # its locks are those of this run, as the mounts are
    mount -t tmpfs -o mode=755 tmpfs /run/systemd/nspawn
    work=$(mktemp -d "$cache/run.XXXXXX")
    trap close_cache EXIT
    trap 'exit 143' TERM
}

close_cache() {
    local dir
    for dir in "$work"/*/root; do
        ! mountpoint -q "$dir" || umount "$dir" || umount -l "$dir"
    done
    rm -rf "$work"
}

# in_root ROOT OPTION... -- COMMAND...: as root of that root, with the network of this machine
# unless an option says otherwise.
in_root() {
    local root=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --machine="haul-$$" \
        --as-pid2 --pipe --system-call-filter="$io_uring" "${options[@]}" \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 TERM=dumb \
        DEBIAN_FRONTEND=noninteractive "$@"
}

apt_settings() { # what this machine's apt says of proxies and the like
    apt-config dump | grep -E '^Acquire::(http|https|Retries|Check-|ForceIPv)' || true
}

make_base() {
    local sources=$1 new=$work/new uri
    uri=$(awk 'NR == 1 { print $3 }' <<<"$sources")
    say "a root of Debian $root_version ($root_release) is made once, by debootstrap, in $cache;" \
        "rm -r takes it back"
    export http_proxy https_proxy
    http_proxy=${http_proxy:-$(apt-config dump --format '%v' Acquire::http::Proxy)}
    https_proxy=${https_proxy:-$(apt-config dump --format '%v' Acquire::https::Proxy)}
    [ -n "$http_proxy" ] || unset http_proxy
    [ -n "$https_proxy" ] || unset https_proxy
    logged "$cache/base.log" debootstrap --variant=minbase --include=ca-certificates \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$root_release" "$new" "$uri"
    echo "$sources" >"$new/etc/apt/sources.list"
    {
        apt_settings
        echo 'APT::Install-Recommends "false";'
        echo 'Acquire::Languages "none";'
    } >"$new/etc/apt/apt.conf.d/90haul"
    rm -rf "$cache/base" "$cache"/layer-*
    mv "$new" "$cache/base"
}

open_base() {
    local sources key
    sources=$("$top/tools/apt-sources" "$root_release")
    [ -n "$sources" ] || die "no mirror of Debian in apt's configuration: add one to" \
        "/etc/apt/sources.list.d and run 'apt-get update'"
    key=$({ echo "$sources"; apt_settings; echo v1; } | sha256sum)
    flock 8
    if [ "$(cat "$cache/base.key" 2>/dev/null)" != "$key" ]; then
        rm -f "$cache/base.key"
        make_base "$sources"
        echo "$key" >"$cache/base.key"
    fi
    flock -u 8
}

# open_layer NAME KEY COMMAND...: sets `layer` to its folder, made by COMMAND ROOT if KEY is new.
open_layer() {
    local name=$1 key
    layer=$cache/layer-$1
    key=$(sha256sum <<<"$2 v1")
    shift 2
    flock 8
    if [ "$(cat "$layer/key" 2>/dev/null)" != "$key" ]; then
        rm -rf "$layer"
        open_root "layer-$name"
        logged "$cache/$name.log" in_root "$root" -- apt-get -qy update
        logged "$cache/$name.log" "$@" "$root"
        umount "$root"
        mkdir "$layer"
        mv "$work/layer-$name/changes" "$layer/changes"
        echo "$key" >"$layer/key"
    fi
    flock -u 8
}

# open_root NAME [LAYER]: sets `root` to a root of this run's own.
open_root() {
    local own=$work/$1
    root=$own/root
    mkdir -p "$root" "$own/changes" "$own/overlay"
    mount -t overlay haul "$root" -o \
        "lowerdir=${2:+$2/changes:}$cache/base,upperdir=$own/changes,workdir=$own/overlay" ||
        die "the kernel cannot lay an overlay over $cache: XDG_CACHE_HOME= names another place"
}
