"""Lines of decoders. Expected: none on stderr, and all lines of everyone else."""

import os
import subprocess
import sys
import threading

import cv2
import numpy as np

from au_jax.media import decoder_lines
from au_jax.media.images import decode_image
from tests.programs import ROOT


def damaged(extension: str) -> bytes:
    """Return a picture that decodes, with a line of its library on stderr."""
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = cv2.imencode(extension, image)[1].tobytes()
    if extension == ".jpg":
        return data[: len(data) // 2] + bytes(9) + data[len(data) // 2 :]
    wrong = b"\0\0\0\1tIME\0\0\0\0\0"  # a chunk of a wrong length and checksum
    return data[:33] + wrong + data[33:]


def test_lines_of_decoders_are_held_back(capfd):
    for extension, said in ((".jpg", "Corrupt JPEG data"), (".png", "libpng")):
        data = damaged(extension)
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert said in capfd.readouterr().err  # what OpenCV itself does
        decode_image(data)
        assert capfd.readouterr().err == ""


def shout(data: bytes) -> None:
    """Decode in three threads while two others print 200 lines each."""

    def decode():
        for _ in range(50):
            decode_image(data)

    def speak(number):
        for line in range(200):
            os.write(2, f"{number} {line}\n".encode())

    threads = [threading.Thread(target=decode) for _ in range(3)]
    threads += [threading.Thread(target=speak, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    decode_image(data)


def run(program: str) -> subprocess.CompletedProcess[str]:
    imports = "from tests.media.test_decoder_lines import *\n"
    command = [sys.executable, "-c", imports + program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_lines_of_others_appear():
    done = run("shout(damaged('.jpg'))")
    lines = done.stderr.splitlines()
    assert sorted(lines) == sorted(f"{n} {i}" for n in range(2) for i in range(200))


def test_a_line_that_is_seen_in_part_is_held_back_or_appears_whole(capfd):
    with decoder_lines.held_back():
        for begin, end in (
            (b"Corrupt JPEG d", b"ata: 3 bytes\n"),
            (b"Corrupt JPEG data: 3", b" bytes\n"),
            (b"Cor", b"rect\n"),
            (b"10 %", b"\r20 %"),
        ):
            os.write(2, begin)
            with decoder_lines.held_back():
                pass  # copies what there is
            os.write(2, end)
    os.write(2, b"\nlib")
    with decoder_lines.held_back():
        os.write(2, b"rary")
    assert capfd.readouterr().err == "Correct\n10 %\r20 %\nlibrary"


def test_a_block_that_raises_gives_stderr_back(capfd):
    try:
        with decoder_lines.held_back():
            os.write(2, b"before\n")
            raise ValueError
    except ValueError:
        os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_a_closed_stderr_is_no_error():
    done = run("os.close(2); print(decode_image(damaged('.jpg')).shape)")
    assert done.stdout == "(64, 64, 3)\n"
