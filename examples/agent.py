"""An agent for the Retro Contest: it runs to the right, and jumps at random."""

import random

import gym_remote.client as grc
import gym_remote.exceptions as gre

BUTTONS = ["B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z"]


def main():
    env = grc.RemoteEnv("tmp/sock")
    random.seed(1)
    while True:
        frame, done = env.reset(), False  # uint8 (224, 320, 3), RGB
        while not done:
            pressed = {"RIGHT", "B"} if random.random() < 0.5 else {"RIGHT"}
            action = [button in pressed for button in BUTTONS]
            frame, reward, done, info = env.step(action)


try:
    main()
except gre.GymRemoteError as end:
    print("the end:", type(end).__name__, end)
