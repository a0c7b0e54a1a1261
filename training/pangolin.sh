#!/bin/sh
# Trains a model with the sizes of the shipped one: builds fresh levels of Pangolin Dash, each solved by the planner, and
# runs the recipe on them. The model is packed into PRETRAINED, by default RUNS/pretrained.
#
#     sh training/pangolin.sh RUNS [PRETRAINED]        in an environment with the extra `train`
#
# The same command continues an interrupted run. The shipped model took about four and
# a half hours on two cores.
# SHARE=0.005 runs the whole recipe at a small scale in a few minutes.
# WORKERS=16 DEVICE=cuda makes use of a larger machine.
set -eu

runs=${1:?'give a folder for the runs, such as runs/pangolin'}
share=${SHARE:-1} # share of all levels, frames, steps and generations, above 0 and up to 1
awk -v share="$share" 'BEGIN { exit !(share + 0 > 0 && share + 0 <= 1) }' || {
    echo "SHARE is $share: give a number above 0 and up to 1" >&2
    exit 2
}

# build LETTER SEED LEVELS: builds fresh levels, with seeds that the shipped level sets do not use
build() {
    levels=$(awk -v levels="$3" -v share="$share" \
        'BEGIN { part = int(levels * share); print part < 1 ? 1 : part }')
    python -m game.build --seed "$2" --levels "$levels" --out "$runs/fresh-$1" \
        --game "PangolinDashFresh$1-Genesis"
}

build A 1001 24
build B 1002 60
build C 1101 60
build D 1102 60
build E 1103 60
build F 1104 60
demonstrations=game/movies
for letter in A B C D E F; do demonstrations=$demonstrations,$runs/fresh-$letter/movies; done
exec sh training/recipe.sh pangolin-train "$runs" --demonstrations "$demonstrations" \
    --second-levels "$runs/fresh-A,$runs/fresh-B" --pretrained "${2:-$runs/pretrained}" \
    --third-levels "$runs/fresh-C,$runs/fresh-D,$runs/fresh-E,$runs/fresh-F"
