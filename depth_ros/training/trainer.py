# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The training loop, for any method: what it learns and from what is in methods/.

Killed at any time, the same run goes on along the same trajectory: a step depends on the state,
its number and the data alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depth_ros.errors import DepthError
from depth_ros.training.board import Board, Means
from depth_ros.training.config import TrainConfig
from depth_ros.training.kernels import seed
from depth_ros.training.loading import Batch, load, to_device
from depth_ros.training.methods import Method
from depth_ros.training.parallel import Team
from depth_ros.training.progress import Progress
from depth_ros.training.recipe import to_dict, to_yaml
from depth_ros.training.schedule import norm_frozen, seed_of, stage_at, stage_ends
from depth_ros.training.state import (
    Best,
    Run,
    copy_all,
    save,
    set_learning_rate,
    set_modes,
    update_average,
)
from depth_ros.training.stopping import Stop

BAD_IN_A_ROW = 20  # steps without a finite loss or gradient after which a run gives up
ADVERSARY = "adversary."


class Trainer:
    """One run in this process, from wherever ``run`` stands to the end."""

    def __init__(
        self,
        config: TrainConfig,
        method: Method,
        run: Run,
        team: Team,
        out: Path,
        provenance: dict[str, Any],
    ) -> None:
        self.config, self.method, self.run = config, method, run
        self.team, self.out, self.provenance = team, out, provenance
        self.wrapped = team.wrap(run.module)
        self.parameters = [p for p in run.module.parameters() if p.requires_grad]
        self.buffers = list(run.module.buffers())
        self.kept = [b.clone() for b in self.buffers]
        self.bad, self.norm, self.rate = 0, 0.0, 0.0
        self.means = Means()
        self.board = Board(out if team.leads else None, run.step)
        self.board.text("settings", to_yaml(config))
        self.progress = Progress(config.steps, run.step, quiet=not team.leads)

    def train(self, stop: Stop) -> None:
        """To the end, or until a signal or patience ends it; the last state is saved."""
        try:
            while self.run.step < self.config.steps and not self._out_of_patience():
                self._stage(stop)
                if stop.signal:
                    break
            self.save("checkpoint.pt")
        finally:
            self.board.close()
            self.progress.close()

    def save(self, name: str) -> None:
        """Writes the state, if this process is the one that writes."""
        if self.team.leads:
            facts = {
                "network": self.config.network,
                "options": self.method.options(),
                "facts": self.method.facts(self.config.stages[-1]),
                "provenance": self.provenance,
                "ranks": self.team.size,
            }
            save(self.out / name, to_dict(self.config), self.run, facts)

    def _stage(self, stop: Stop) -> None:
        """The rest of the present stage."""
        run, stage = self.run, stage_at(self.config, self.run.step)
        end = stage_ends(self.config)[stage]
        if run.best.stage != stage:  # scores of another image size do not compare
            run.best = Best(stage=stage)
        examples = self.method.examples(self.config.stages[stage])
        batches = load(self.config, examples, run.step, self.team)
        set_modes(run, norm_frozen(self.config, run.step))
        if run.step == 0:  # what training has to beat, and whether validation works at all
            self._validate(stage)
        self.progress.begin()
        while run.step < end:
            if norm_frozen(self.config, run.step) and not run.frozen:
                set_modes(run, True)
            batch = self.step(batches)
            self._report(batch)
            if run.step % self.config.validate_every == 0 or run.step == end:
                self._validate(stage)
            if run.step % self.config.checkpoint_every == 0:
                self.board.flush()
                self.save("checkpoint.pt")
            self._agree(stop)
            if stop.signal or self._out_of_patience():
                return

    def step(self, batches: Iterator[Batch]) -> Batch:
        """One step of the optimiser over its micro batches; returns the last one."""
        config, run, team = self.config, self.run, self.team
        seed(seed_of(config, run.step, team.rank), team.device)
        self.rate = set_learning_rate(config, run)
        copy_all(self.kept, self.buffers)
        total, images, parts = torch.zeros((), device=team.device), 0, config.optimizer.accumulate
        terms: dict[str, Tensor] = {}
        for micro in range(parts):
            batch, skipped = to_device(next(batches), team)
            run.skipped_frames += skipped
            images += len(next(iter(batch.values())))
            with team.quiet(self.wrapped) if micro + 1 < parts else nullcontext():
                found = self.wrapped(batch, run.step)
                loss = torch.stack(list(found.values())).sum() / parts
                torch.autograd.backward(run.scaler.scale(loss))
            total = total + loss.detach()
            for name, value in found.items():
                part = value.detach() / parts
                terms[name] = terms[name] + part if name in terms else part
        shown = self._update(total, terms)
        run.step += 1
        run.seconds += self.progress.step(images * team.size, shown, self._notes())
        return batch

    def _update(self, total: Tensor, terms: dict[str, Tensor]) -> float:
        """Moves the weights if loss and gradient are finite; returns the loss that is shown."""
        run = self.run
        run.scaler.unscale_(run.optimizer)
        norm = nn.utils.get_total_norm(
            [p.grad for p in self.parameters if p.grad is not None], foreach=True
        )
        mine = torch.stack([v for k, v in terms.items() if not k.startswith(ADVERSARY)]).sum()
        # One wait for the device a step.
        loss, shown, self.norm = torch.stack((total, mine, norm)).tolist()
        (bad,) = self.team.any(not (math.isfinite(loss) and math.isfinite(self.norm)))
        if bad:
            copy_all(self.buffers, self.kept)  # as if the step had not been
        else:
            clip = self.config.optimizer.clip_norm
            if clip:
                nn.utils.clip_grads_with_norm_(self.parameters, clip, norm, foreach=True)
            run.scaler.step(run.optimizer)
            update_average(self.config, run)
            self.means.add(terms)
        run.scaler.update()
        run.optimizer.zero_grad()
        self._count(bad, loss)
        return float(shown)

    def _count(self, bad: bool, loss: float) -> None:
        self.bad = self.bad + 1 if bad else 0
        self.run.skipped_steps += bad
        if self.bad >= BAD_IN_A_ROW:
            raise DepthError(
                f"loss or gradient of {self.bad} steps in a row",
                expected="finite numbers",
                got=f"a loss of {loss} and a gradient of length {self.norm}",
                fix=f"Lower optimizer.learning_rate {self.config.optimizer.learning_rate:g}, or "
                "compute in another precision; the last checkpoint is from before.",
            )

    def _report(self, batch: Batch) -> None:
        """Curves and pictures, where they are due."""
        run, config = self.run, self.config
        if run.step % config.board_every == 0 and self.means.steps:
            terms = self.means.take()
            loss = sum(v for k, v in terms.items() if not k.startswith(ADVERSARY))
            self.board.point(run.step, "loss", {"total": loss, **terms})
            values = {
                "learning_rate": self.rate,
                "gradient_norm": self.norm,
                "images_per_s": self.progress.images_per_s,
                "skipped_frames": float(run.skipped_frames),
                "skipped_steps": float(run.skipped_steps),
            }
            self.board.point(run.step, "run", values)
        if config.pictures_every and run.step % config.pictures_every == 0 and self.team.leads:
            with torch.no_grad():
                self.board.pictures(run.step, self.method.pictures(run.average, batch))
        self.progress.begin()

    def _validate(self, stage: int) -> None:
        """Measures the average, and keeps it if it is the best of its stage."""
        if not (self.team.leads and self.config.validation):
            return
        with torch.no_grad():
            found = self.method.validate(self.run.average, self.config.stages[stage])
        if not found:
            return
        best, score = self.run.best, found.get("score", math.inf)
        self.board.point(self.run.step, "validation", found)
        if score < best.score:
            self.run.best = Best(score, self.run.step, 0, stage)
            self.save("best.pt")
        else:
            best.since += 1
        told = ", ".join(f"{k} {v:.4f}" for k, v in found.items() if k != "score")
        self.progress.say(
            f"step {self.run.step}: {told}; score {score:.4f}, best {self.run.best.score:.4f} "
            f"at step {self.run.best.step}"
        )
        self.progress.begin()

    def _agree(self, stop: Stop) -> None:
        """A signal to one process, and the patience of the one that validates, hold for all."""
        if self.team.size > 1:
            asked, ends = self.team.any(bool(stop.signal), self._out_of_patience())
            stop.signal = stop.signal or int(asked) * 2
            if ends:
                self.run.best.since = max(self.run.best.since, self.config.patience)

    def _out_of_patience(self) -> bool:
        """Only in the last stage: the ones before it prepare it."""
        config, best = self.config, self.run.best
        last = best.stage == len(config.stages) - 1
        return last and 0 < config.patience <= best.since

    def _notes(self) -> str:
        run = self.run
        notes = [f"{run.skipped_frames} broken frames skipped"] if run.skipped_frames else []
        notes += [f"{run.skipped_steps} steps skipped"] if run.skipped_steps else []
        return ", ".join(notes)
