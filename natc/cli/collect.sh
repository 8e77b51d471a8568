#!/bin/sh
# What natc asks of a Kubernetes node, written into one tar. Run it as root on the node:
#
#     sh collect.sh               writes natc-HOSTNAME.tar here
#     sh collect.sh FILE          writes FILE
#     sh collect.sh -             writes the tar to standard output
#
# It changes nothing and sends nothing anywhere. It takes rules, sets, addresses, routes, some sysctls,
# connections and the lists of -m recent: addresses and ports, no keys, no contents of packets, no
# environment. A tool that is not here is noted in the tar. Needs tar, cat, mkdir, rm, mv.
set -u
umask 077
LC_ALL=C
export LC_ALL

name=$(cat /proc/sys/kernel/hostname 2>/dev/null) || name=node
out=${1:-"natc-$name.tar"}
work=${TMPDIR:-/tmp}/natc-collect.$$
mkdir "$work" || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
room=$work/natc-node
mkdir "$room" "$room/recent" || exit 2
printf 'natc-node 1\n' >"$room/FORMAT"
: >"$room/notes"

note() {
    printf '%s\n' "$*" >>"$room/notes"
}

# keep FILE COMMAND...: what the command shows goes to FILE, if it ends well; what it says to the notes.
keep() {
    file=$room/$1
    shift
    if ! command -v "$1" >/dev/null 2>&1; then
        note "$1 is not here"
        return 1
    fi
    "$@" >"$file.part" 2>"$work/said" </dev/null
    status=$?
    while IFS= read -r line; do
        case $line in
            "conntrack v"*) ;; # how many connections it has shown
            *) note "$1: $line" ;;
        esac
    done <"$work/said"
    if [ "$status" -ne 0 ]; then
        note "$* ended with status $status"
        rm -f "$file.part"
        return 1
    fi
    mv "$file.part" "$file"
}

# Older versions list IPv4 only unless they are told a family.
connections() {
    conntrack -L -f ipv4 && conntrack -L -f ipv6
}

# keep_files DIRECTORY FILE...: copies of files of /proc, under their own names.
keep_files() {
    to=$1
    shift
    for from in "$@"; do
        if [ -f "$from" ]; then
            cat <"$from" >"$to/${from##*/}" || note "$from cannot be read"
        fi
    done
}

# keep_sysctls FILE...: files below /proc/sys, as "net/ipv4/ip_forward = 1". The shell's own read would
# get one digit: it asks byte by byte, and from the second byte on the kernel answers nothing.
keep_sysctls() {
    for from in "$@"; do
        if [ -f "$from" ] && value=$(cat <"$from"); then
            printf '%s = %s\n' "${from#/proc/sys/}" "$value"
        fi
    done 2>/dev/null
}

printf '%s\n' "$name" >"$room/hostname"
for backend in "" -legacy -nft; do
    for family in ip ip6; do
        keep "${family}tables$backend-save" "${family}tables$backend-save" -c
    done
done
keep ipset-save ipset save
for family in 4 6; do
    keep "addr-$family.json" ip "-$family" -d -j addr show
    keep "route-$family.json" ip "-$family" -j route show table all
    keep "rule-$family.json" ip "-$family" -j rule show
done
if command -v conntrack >/dev/null 2>&1; then
    keep conntrack connections
elif [ -r /proc/net/nf_conntrack ]; then
    keep conntrack cat /proc/net/nf_conntrack
else
    note "conntrack is not here"
fi
keep_files "$room/recent" /proc/net/xt_recent/*
keep_sysctls /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding \
    /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/route_localnet \
    /proc/sys/net/ipv4/conf/*/accept_local /proc/sys/net/ipv4/conf/*/src_valid_mark \
    /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/*/send_redirects \
    /proc/sys/net/netfilter/nf_conntrack_tcp_loose /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal \
    /proc/sys/net/netfilter/nf_conntrack_checksum /proc/sys/net/bridge/bridge-nf-call-ip*tables \
    >"$room/sysctl"

if ! command -v tar >/dev/null 2>&1; then
    echo "natc collect: tar is not here" >&2
    exit 2
fi
if [ ! -f "$room/iptables-save" ] && [ ! -f "$room/iptables-nft-save" ] &&
    [ ! -f "$room/iptables-legacy-save" ]; then
    echo "natc collect: no iptables-save showed its rules (are you root, is it in PATH?)" >&2
fi
if [ "$out" = - ]; then
    tar -cf - -C "$work" natc-node
else
    case $out in /*) ;; *) out=./$out ;; esac # tar takes HOST:FILE for another machine
    tar -cf "$out" -C "$work" natc-node && printf 'natc collect: %s\n' "$out" >&2
fi
