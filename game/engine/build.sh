#!/bin/sh
# Builds engine.bin and addresses.h from the sources in this folder. --check compares them with the committed files.
# Needs the compiler that toolchain.sh builds. Playing, training and making levels do not need it.
set -eu
cd "$(dirname "$0")"
prefix=${M68K_PREFIX:-/opt/m68k-elf}
cross=$prefix/bin/m68k-elf-
[ -x "${cross}gcc" ] || { echo "error: no m68k-elf GCC under $prefix: run toolchain.sh, or set M68K_PREFIX" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags="-std=gnu11 -m68000 -O2 -ffreestanding -fno-builtin -fomit-frame-pointer -fno-pic
 -fno-stack-protector -fno-unwind-tables -fno-asynchronous-unwind-tables -fno-common
 -fno-tree-loop-distribute-patterns -fno-delete-null-pointer-checks -fno-strict-aliasing -fno-ident
 -fwrapv -ffunction-sections -fdata-sections -Wall -Wextra -Werror"
objects=
for source in boot.S *.c; do
    object=$work/${source%.*}.o
    # shellcheck disable=SC2086
    "${cross}gcc" $flags -c "$source" -o "$object"
    objects="$objects $object"
done
# shellcheck disable=SC2086
"${cross}gcc" -m68000 -nostdlib -nostartfiles -static -no-pie -Wl,--build-id=none -Wl,--gc-sections \
    -Wl,--fatal-warnings -Wl,-Map="$work/engine.map" -T link.ld $objects -lgcc -o "$work/engine.elf"
"${cross}objdump" -d "$work/engine.elf" > "$work/engine.lst"
"${cross}nm" "$work/engine.elf" > "$work/engine.sym"
python3 scan.py "$work/engine.lst"
python3 addresses.py "$work/engine.map" > "$work/addresses.h"
"${cross}objcopy" -O binary "$work/engine.elf" "$work/engine.bin"
if [ "${1:-}" = --check ]; then
    cmp "$work/engine.bin" engine.bin && cmp "$work/addresses.h" addresses.h &&
        echo "engine.bin and addresses.h match the sources"
else
    cp "$work/engine.bin" "$work/addresses.h" .
    [ -z "${1:-}" ] || cp "$work/engine.lst" "$work/engine.sym" "$1"
    ls -l engine.bin
fi
