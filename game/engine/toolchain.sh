#!/bin/sh
# Builds the m68k-elf GCC that engine.bin is made with, from Debian's source package of GCC 12.
# Needs root once: apt-get install gcc-12-source binutils-m68k-linux-gnu libgmp-dev libmpfr-dev
# libmpc-dev build-essential. About seven minutes on two cores.
# Debian's own m68k-linux-gnu-gcc is not suitable: it generates word accesses at odd addresses.
set -eu
prefix=${M68K_PREFIX:-/opt/m68k-elf}
work=${1:-$(mktemp -d)}
source=$(ls /usr/src/gcc-12/gcc-12*.tar.xz 2>/dev/null | head -1)
[ -n "$source" ] || { echo "error: no /usr/src/gcc-12: apt-get install gcc-12-source" >&2; exit 2; }
command -v m68k-linux-gnu-as > /dev/null ||
    { echo "error: no m68k assembler: apt-get install binutils-m68k-linux-gnu" >&2; exit 2; }

# Debian's assembler and linker under the names that the compiler looks for.
mkdir -p "$prefix/bin" "$prefix/m68k-elf/bin"
for tool in as ld ar nm objcopy objdump ranlib strip readelf; do
    path=$(command -v "m68k-linux-gnu-$tool")
    ln -sf "$path" "$prefix/bin/m68k-elf-$tool"
    ln -sf "$path" "$prefix/m68k-elf/bin/$tool"
done
PATH=$prefix/bin:$PATH
export PATH

cd "$work"
tar xf "$source"
folder=$(ls -d gcc-12*/ | head -1)
mkdir -p build
cd build
"../$folder/configure" --prefix="$prefix" --target=m68k-elf --with-cpu=m68000 \
    --enable-languages=c --without-headers --with-newlib --disable-multilib --disable-shared \
    --disable-threads --disable-libssp --disable-libgomp --disable-libquadmath \
    --disable-libatomic --disable-nls --disable-lto --disable-plugin --without-isl --without-zstd
make -j"$(nproc)" all-gcc all-target-libgcc MAKEINFO=true
# Debian's tarball has no documentation; without these files the install would try to build it.
touch gcc/s-tm-texi gcc/tm.texi
make install-gcc install-target-libgcc MAKEINFO=true
"$prefix/bin/m68k-elf-gcc" --version | head -1
