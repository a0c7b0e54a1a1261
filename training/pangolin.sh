#!/bin/sh
# Trains the shipped model: builds fresh levels, collects data, trains V and M in rounds, evolves C,
# and packs the result into PRETRAINED, by default RUNS/pretrained. A model there is replaced.
#
#     sh training/pangolin.sh RUNS [PRETRAINED]        in an environment with the extra `train`
#
# The same command continues an interrupted run. It takes about four and a half hours on two cores.
# SHARE=0.005 runs the whole recipe at a small scale in a few minutes.
# WORKERS=16 DEVICE=cuda makes use of a larger machine.
#
# Each round packs an agent from M's current prediction of the expert's actions, collects episodes
# with it, and continues the training on the frames that it reached. This is DAgger (Ross et al. 2011) with an
# expert that follows recorded demonstrations.
set -eu

runs=${1:?'give a folder for the runs, such as runs/pangolin'}
share=${SHARE:-1}     # share of all levels, frames, steps and generations, above 0 and up to 1
workers=${WORKERS:-2} # number of processes that play
device=${DEVICE:-cpu} # device for V and M: cpu, cuda or auto
pretrained=${2:-$runs/pretrained}
awk -v share="$share" 'BEGIN { exit !(share + 0 > 0 && share + 0 <= 1) }' || {
    echo "SHARE is $share: give a number above 0 and up to 1" >&2
    exit 2
}

# scaled NUMBER MINIMUM: prints SHARE of the number, but at least the minimum
scaled() {
    awk -v number="$1" -v minimum="$2" -v share="$share" \
        'BEGIN { part = int(number * share); print part < minimum ? minimum : part }'
}

# build LETTER SEED LEVELS: builds fresh levels, with seeds that the shipped level sets do not use
build() {
    python -m game.build --seed "$2" --levels "$(scaled "$3" 1)" --out "$runs/fresh-$1" \
        --game "PangolinDashFresh$1-Genesis"
}

# collect NUMBER LEVELS DEMONSTRATIONS FRAMES STEPS POLICIES [PRETRAINED]: collects a dataset
collect() {
    python -m training.collect --out "$runs/data-$1" --levels "$2" --demonstrations "$3" \
        --frames "$(scaled "$4" 600)" --max-steps "$(scaled "$5" 60)" --policies "$6" \
        --seed "$1" --workers "$workers" ${7:+--pretrained "$7"}
}

# train_vision NUMBER STEPS DATA OPTION...: trains V
train_vision() {
    out=$runs/vision-$1 steps=$(scaled "$2" 2) data=$3
    shift 3
    python -m training.train_vision --data "$data" --out "$out" --steps "$steps" --batch 32 \
        --threads 1 --device "$device" "$@"
}

# train_memory NUMBER STEPS VISION DATA OPTION...: trains M on the latents of V number VISION
train_memory() {
    out=$runs/memory-$1 steps=$(scaled "$2" 2) vision=$3 data=$4
    shift 4
    python -m training.train_memory --data "$data" --vision "$runs/vision-$vision" --out "$out" \
        --steps "$steps" --threads 1 --device "$device" "$@"
}

# pack_imitation NUMBER VISION: packs M's prediction of the expert's actions as a controller, after
# a search that is too short and narrow to change it
pack_imitation() {
    python -m training.evolve --vision "$runs/vision-$2" --memory "$runs/memory-$1" \
        --out "$runs/imitation-$1" --levels PangolinDash-Genesis:MeadowZone.Act7 --imitate \
        --generations 1 --population 4 --episodes 1 --mean-every 1 --mean-episodes 1 \
        --max-steps "$(scaled 200 20)" --sigma0 0.03 --workers "$workers"
    python -m training.pack --vision "$runs/vision-$2" --memory "$runs/memory-$1" \
        --evolution "$runs/imitation-$1" --out "$runs/pack-$1" --replace
}

# evolve NUMBER VISION MEMORY SIGMA0 GENERATIONS PACKED: evolves C from M's controller, and packs it
evolve() {
    python -m training.evolve --vision "$runs/vision-$2" --memory "$runs/memory-$3" \
        --out "$runs/evolution-$1" --levels pangolin-train --imitate --sigma0 "$4" \
        --population 16 --levels-per-generation 4 --episodes 1 --early-stop-reward 0.01 \
        --mean-every "$(scaled 4 1)" --mean-episodes 1 --generations "$(scaled "$5" 1)" \
        --max-steps "$(scaled 4500 20)" --workers "$workers"
    python -m training.pack --vision "$runs/vision-$2" --memory "$runs/memory-$3" \
        --evolution "$runs/evolution-$1" --out "$6" --replace
}

# datasets NUMBER: prints the datasets from 1 to NUMBER, separated by commas
datasets() {
    for number in $(seq "$1"); do printf '%s,' "$runs/data-$number"; done | sed 's/,$//'
}

# Part 1: 121 levels. The agent plays them from the start.
build A 1001 24
build B 1002 60
fresh=$runs/fresh-A,$runs/fresh-B
demonstrations=game/movies,$runs/fresh-A/movies,$runs/fresh-B/movies
mostly_agent=agent,agent,agent,perturbed

collect 1 pangolin-train "$demonstrations" 130000 1500 \
    demonstration,perturbed,perturbed,perturbed,perturbed,perturbed,runner,held
train_vision 1 8576 "$(datasets 1)"
train_memory 1 1300 1 "$(datasets 1)"
pack_imitation 1 1
collect 2 pangolin-train "$demonstrations" 60000 600 "$mostly_agent" "$runs/pack-1"
train_memory 2 900 1 "$(datasets 2)" --start "$runs/memory-1"
pack_imitation 2 1
collect 3 pangolin-train "$demonstrations" 80000 900 "$mostly_agent" "$runs/pack-2"
train_memory 3 2400 1 "$(datasets 3)" --start "$runs/memory-2"
pack_imitation 3 1
collect 4 "$fresh" "$demonstrations" 130000 1500 demonstration,perturbed,perturbed
train_memory 4 1200 1 "$(datasets 4)" --start "$runs/memory-3" --expert-action-weight 30
collect 5 "$fresh,pangolin-train" "$demonstrations" 120000 900 "$mostly_agent" "$runs/pack-3"
train_memory 5 2200 1 "$(datasets 5)" --start "$runs/memory-4" --expert-action-weight 30
train_vision 2 8000 "$(datasets 5)" --start "$runs/vision-1" --learning-rate 0.0007 \
    --expert-action-weight 100
train_memory 6 1043 2 "$(datasets 5)" --start "$runs/memory-5" --expert-action-weight 30
evolve 1 2 6 0.05 16 "$runs/pack-6"

# Part 2: 240 more levels. The agent and the expert play them in turns, so that the data covers every
# part of each level.
build C 1101 60
build D 1102 60
build E 1103 60
build F 1104 60
fresh=$runs/fresh-C,$runs/fresh-D,$runs/fresh-E,$runs/fresh-F
demonstrations=game/movies
for letter in C D E F; do demonstrations=$demonstrations,$runs/fresh-$letter/movies; done

collect 11 "$fresh,pangolin-train" "$demonstrations" 340000 900 \
    alternating,alternating,perturbed,demonstration "$runs/pack-6"
collect 12 "$fresh,pangolin-train" "$demonstrations" 207000 900 alternating,alternating,agent \
    "$runs/pack-6"
train_vision 3 8000 "$runs/data-11" --start "$runs/vision-2" --learning-rate 0.0007 \
    --expert-action-weight 100 --decay-steps "$(scaled 4000 1)"
# The shipped M first ran with --steps 4500, so that its learning rate fell only from step 1,489 on.
train_memory 7 2500 3 "$runs/data-11,$runs/data-12" --start "$runs/memory-6" --threads 2 \
    --expert-action-weight 30 --weight-decay 0.1 --decay-steps "$(scaled 2500 1)"
evolve 2 3 7 0.5 8 "$pretrained"
