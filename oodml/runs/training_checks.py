"""Whether a method can be trained as its settings say, asked before anything long starts."""

from __future__ import annotations

from oodml.core.errors import OodmlError, UsageError
from oodml.features.backbone import Backbone
from oodml.features.engines.precision import fabric_of
from oodml.runs.plan.methods import PlannedMethod
from oodml.runs.timing import stand_in_labels
from oodml.runs.workbench import check_has_layers
from oodml.training import batches_of
from oodml.training.arithmetic import check_precision
from oodml.training.augmentation import augmentation_of


def check_training(planned: PlannedMethod, backbone: Backbone, device: str, devices: int) -> None:
    """Raise what a training of ``planned`` would raise on this backbone.

    Args:
        device: Lightning Fabric accelerator.
        devices: that train a cell together.

    Raises:
        UsageError: no such device, or a precision it does not compute; a mode that needs layers the
            backbone does not have; a batch that holds not what the method's rule draws, that has
            fewer rows than there are devices, or shows several views where nothing differs.
    """
    method, training = planned.method, planned.training
    if not method.trains:
        return
    check_precision(training.precision, fabric_of(device, "float32").device)
    fabric_of(device, training.precision)
    if training.mode != "head":
        check_has_layers(backbone)
    if training.batch_size < devices:
        raise UsageError(
            f"training.batch_size {training.batch_size} cannot be shared by {devices} devices; "
            "expected at least a row for each"
        )
    try:
        rule = batches_of(method, training)
        rule.open(stand_in_labels(method, training.batch_size), training.batch_size, 0)
    except OodmlError:
        raise
    except Exception:  # anybody's code: its own cells fail and say why, the others go on
        return
    if rule.views > 1 and (backbone.preprocessing is None or not augmentation_of(training).varies):
        raise UsageError(
            f"method {method.name!r} compares {rule.views} views of an image, and here all are "
            'alike; use a backbone on images and a training.augmentation other than "none"'
        )
