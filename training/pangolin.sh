#!/bin/sh
# Trains the shipped model: fresh levels, data, V, M in rounds, C; packs it into PRETRAINED.
#
#     sh training/pangolin.sh RUNS [PRETRAINED]        in the environment with the extra `train`
#
# Stopped at any point, the same command goes on where it was. Two cores take about three hours.
# A round packs what M has learnt of the guides' advice so far, plays it, and learns on from where
# that led: DAgger (Ross et al. 2011), with recordings for an expert.
set -eu

runs=${1:?'give a folder for the runs, such as runs/pangolin'}
pretrained=${2:-pretrained}
fresh=$runs/fresh-1,$runs/fresh-2

build() { # NUMBER LEVELS LETTER: fresh levels, of other seeds than any shipped set
    [ -e "$runs/fresh-$1/levels.json" ] || python -m game.build --seed "100$1" --levels "$2" \
        --out "$runs/fresh-$1" --game "PangolinDashFresh$3-Genesis"
}

collect() { # NUMBER LEVELS MOVIES FRAMES STEPS POLICIES [PRETRAINED]
    python -m training.collect --out "$runs/data-$1" --levels "$2" --movies "$3" --frames "$4" \
        --max-steps "$5" --policies "$6" --seed "$1" ${7:+--pretrained "$7"}
}

see() { # NUMBER STEPS DATA OPTION...
    out=$runs/vision-$1 steps=$2 data=$3
    shift 3
    python -m training.train_vision --data "$data" --out "$out" --steps "$steps" --batch 32 \
        --threads 1 "$@"
}

remember() { # NUMBER STEPS VISION DATA OPTION...
    out=$runs/memory-$1 steps=$2 vision=$3 data=$4
    shift 4
    python -m training.train_memory --data "$data" --vision "$runs/vision-$vision" --out "$out" \
        --steps "$steps" --threads 1 "$@"
}

imitate() { # NUMBER VISION: pack M's controller as it is, barely searched from
    python -m training.evolve --vision "$runs/vision-$2" --memory "$runs/memory-$1" \
        --out "$runs/imitation-$1" --levels PangolinDash-Genesis:MeadowZone.Act7 --imitate \
        --generations 1 --population 4 --episodes 1 --mean-every 1 --mean-episodes 1 \
        --max-steps 200 --sigma0 0.03
    python -m training.pack --vision "$runs/vision-$2" --memory "$runs/memory-$1" \
        --evolution "$runs/imitation-$1" --out "$runs/pack-$1"
}

all() { # NUMBER: the datasets up to this one
    for number in $(seq "$1"); do printf '%s,' "$runs/data-$number"; done | sed 's/,$//'
}

build 1 24 A
build 2 60 B
recorded=game/movies,$runs/fresh-1/movies,$runs/fresh-2/movies

collect 1 pangolin-train "$recorded" 130000 1500 \
    movie,departure,departure,departure,departure,departure,runner,held
see 1 8576 "$(all 1)"
remember 1 1300 1 "$(all 1)"
imitate 1 1
collect 2 pangolin-train "$recorded" 60000 600 agent,agent,agent,departure "$runs/pack-1"
remember 2 900 1 "$(all 2)" --start "$runs/memory-1"
imitate 2 1
collect 3 pangolin-train "$recorded" 80000 900 agent,agent,agent,departure "$runs/pack-2"
remember 3 2400 1 "$(all 3)" --start "$runs/memory-2"
imitate 3 1
collect 4 "$fresh" "$recorded" 130000 1500 movie,departure,departure
remember 4 1200 1 "$(all 4)" --start "$runs/memory-3" --advice-weight 30
collect 5 "$fresh,pangolin-train" "$recorded" 120000 900 agent,agent,agent,departure "$runs/pack-3"
remember 5 2200 1 "$(all 5)" --start "$runs/memory-4" --advice-weight 30
see 2 8000 "$(all 5)" --start "$runs/vision-1" --learning-rate 0.0007 --advice-weight 100
remember 6 1043 2 "$(all 5)" --start "$runs/memory-5" --advice-weight 30

python -m training.evolve --vision "$runs/vision-2" --memory "$runs/memory-6" \
    --out "$runs/evolution" --levels pangolin-train --imitate --sigma0 0.05 --population 16 \
    --levels-per-generation 4 --episodes 1 --early-stop-reward 0.01 --mean-every 4 \
    --mean-episodes 1 --generations 16
python -m training.pack --vision "$runs/vision-2" --memory "$runs/memory-6" \
    --evolution "$runs/evolution" --out "$pretrained"
