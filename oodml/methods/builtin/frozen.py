"""No training: the backbone's own features. Tells how hard the test classes are by themselves."""

from oodml.methods.method import Method
from oodml.methods.registry import register_method


@register_method("frozen")
class Frozen(Method):
    """The pretrained backbone's features as they are: the reference curve of every report."""

    trains = False
    family = "references"
    source = "reference; see 'Shift is told apart from difficulty' in the documentation"
