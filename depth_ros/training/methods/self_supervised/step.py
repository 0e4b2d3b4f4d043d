# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One step of view synthesis: predict, move, warp, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from depth_ros.training.losses import masks
from depth_ros.training.losses.photometric import full_resolution
from depth_ros.training.losses.smoothness import multi_scale_smoothness
from depth_ros.training.methods.common import autocast
from depth_ros.training.methods.self_supervised import structure
from depth_ros.training.methods.self_supervised.companions import Explainer, FeatureNet
from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig
from depth_ros.training.methods.self_supervised.ego import Ego, ego_motion, pose_terms
from depth_ros.training.methods.self_supervised.networks import Reading
from depth_ros.training.methods.self_supervised.pairs import Pairs, pairs_of
from depth_ros.training.methods.self_supervised.synthesis import photometric, unmoved, warped

if TYPE_CHECKING:
    from depth_ros.training.config import TrainConfig

Terms = dict[str, Tensor]


class SelfSupervisedStep(nn.Module):
    """The network, what learns along with it, and the weighted losses of a batch."""

    def __init__(self, network: nn.Module, config: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self.reading = Reading(config.network, network)
        self.config = config.self_supervised
        self._computing = config
        self.explainer = Explainer() if self.config.explainability > 0 else None
        self.features = FeatureNet() if self.config.features > 0 else None

    def forward(self, batch: dict[str, Tensor], step: int = 0) -> Terms:
        """The terms whose sum is minimised; a batch is that of ``examples.ViewExamples``."""
        c, pairs = self.config, pairs_of(batch)
        seen = self.reading.normalised(colored(pairs.images.flatten(0, 1), batch["color"]))
        seen = seen.view(pairs.images.shape)
        with autocast(self._computing, seen.device):
            inverse_depths, theirs = self._depths(pairs, seen)
            ego = ego_motion(self.reading, self.network, seen, pairs, c)
        with torch.autocast(seen.device.type, enabled=False):
            terms = pose_terms(ego, c)
            if inverse_depths:
                terms.update(self._views(batch, pairs, inverse_depths, ego))
                terms.update(self._structure(batch, pairs, inverse_depths, ego))
            if theirs is not None:
                terms.update(self._neighbours(pairs, inverse_depths[0], theirs, ego.transforms))
        return terms

    def _depths(self, pairs: Pairs, seen: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """The targets' inverse depths, and where a loss wants it the sources' (P, 1, H, W).

        Where no loss teaches depth, it is a constant, or not even computed.
        """
        c, count = self.config, len(seen)
        learns = teaches_depth(c)
        if not learns and c.pose_photometric == 0:
            return [], None
        images = seen[:, 0]
        if max(c.icp, c.consistency, c.stereo_consistency) > 0:
            images = torch.cat([images, seen[pairs.n, 1 + pairs.place]])
        with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
            found = self.reading.inverse_depths(self.network, images, c.scales)
        theirs = found[0][count:] if len(images) > count else None
        return [f[:count] for f in found], theirs

    def _views(
        self,
        batch: dict[str, Tensor],
        pairs: Pairs,
        inverse_depths: list[Tensor],
        ego: Ego,
    ) -> Terms:
        """What is compared as images: the targets with their sources, as they are warped."""
        c, terms, trust = self.config, Terms(), None
        if self.explainer is not None:
            logits = self.explainer(pairs.targets(), pairs.sources())
            trust = torch.sigmoid(logits)
            terms["explainability"] = c.explainability * masks.explainability(logits)
        still = unmoved(pairs, c)
        if c.pose_photometric > 0 and ego.predicted is not None:
            transforms = pairs.truth.index_put((ego.of,), ego.predicted)
            told, _ = photometric(pairs, [inverse_depths[0].detach()], transforms, still, c)
            terms["pose_photometric"] = c.pose_photometric * told
        if not teaches_depth(c):
            return terms
        fits, error = photometric(pairs, inverse_depths, ego.transforms, still, c, trust)
        terms["photometric"] = c.photometric * fits
        if c.proxy > 0 and "hint" in batch:
            told = structure.depth_hint(
                pairs, inverse_depths[0], batch["hint"], error.detach(), c.ssim_share
            )
            terms["proxy"] = c.proxy * told
        return terms

    def _structure(
        self, batch: dict[str, Tensor], pairs: Pairs, inverse_depths: list[Tensor], ego: Ego
    ) -> Terms:
        """What is compared as depth or features, and what makes depth smooth."""
        c, terms = self.config, Terms()
        if c.smoothness > 0:
            rough = multi_scale_smoothness(inverse_depths, pairs.target, c.smoothness_second)
            terms["smoothness"] = c.smoothness * rough
        if self.features is not None:
            images = pairs.images.flatten(0, 1)
            own = self.features(images).unflatten(0, pairs.images.shape[:2])
            metric = structure.feature_metric(pairs, own, inverse_depths[0], ego.transforms)
            terms["features"] = c.features * metric
            terms["autoencoder"] = self.features.loss(pairs.target)
        if c.sparse_points > 0 and "points" in batch:
            told = structure.sparse_points(
                inverse_depths[0], batch["points"], batch["points_metric"], pairs.target
            )
            terms["sparse_points"] = c.sparse_points * told
        return terms

    def _neighbours(
        self, pairs: Pairs, inverse_depth: Tensor, theirs: Tensor, transforms: Tensor
    ) -> Terms:
        """The losses that want the sources' depth, too: the targets' is ``inverse_depth``."""
        c, terms = self.config, Terms()
        ours = full_resolution(inverse_depth, pairs.target)[pairs.n]
        theirs = full_resolution(theirs, pairs.target)
        temporal = pairs.temporal()
        if c.consistency > 0:
            view = warped(pairs, inverse_depth, transforms)
            agrees = structure.depth_agreement(view, 1 / theirs)
            terms["consistency"] = c.consistency * agrees
        if c.icp > 0 and bool(temporal.any()):
            some = pairs.only(temporal)
            given = some.known & (c.poses != "network")
            agrees = structure.cloud_agreement(
                some,
                1 / ours[temporal],
                1 / theirs[temporal],
                transforms[temporal],
                given,
                c.icp_points,
            )
            terms["icp"] = c.icp * agrees
        if c.stereo_consistency > 0 and bool((~temporal).any()):
            agrees = structure.left_right(pairs, ours, theirs)
            terms["stereo_consistency"] = c.stereo_consistency * agrees
        return terms


def teaches_depth(config: SelfSupervisedConfig) -> bool:
    """Whether any loss has a gradient for depth; else only the pose network learns."""
    c = config
    seen = (c.photometric, c.smoothness, c.features, c.sparse_points, c.proxy)
    return max(*seen, c.icp, c.consistency, c.stereo_consistency) > 0


def colored(images: Tensor, color: Tensor) -> Tensor:
    """(N M, 3, H, W) in [0, 1] with the colours of (N, 3, 4), one for all M of an example."""
    many = color.repeat_interleave(len(images) // len(color), 0)
    turned = torch.einsum("nij,njhw->nihw", many[:, :, :3], images)
    return (turned + many[:, :, 3, None, None]).clamp(0, 1)
