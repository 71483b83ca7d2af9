"""The view that is asked with one picture, of which it makes one row: all such views have it in common."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, TypeVar

from app.errors import InvalidInput
from app.tasks.image_input import CAT, ImageInput
from app.tasks.images import needs_of
from app.tasks.kernel import Kernel
from app.tasks.view import Needs, Prepared, View
from app.tensors import Tensors


class ImageKernel(Kernel):
    @abstractmethod
    def row(self, picture: bytes) -> Tensors:
        """Return what the model sees of a file. Raises InvalidInput."""

    def needs(self, picture: bytes) -> Needs:
        """Return the needs of `row` for a file, by its header. Raises InvalidInput as that does."""
        return needs_of(picture)

    def probe(self, length: int) -> Tensors:
        return self.row(CAT)


AnyImageKernel = TypeVar("AnyImageKernel", bound=ImageKernel)


class ImageView(View[AnyImageKernel]):
    has_needs = True

    def needs(self, item: ImageInput) -> Needs:
        try:
            return self.kernel.needs(item.image)
        except InvalidInput as error:
            raise error.under("image") from None

    def foreseen(self, item: ImageInput, parameters: Any) -> Sequence[int]:
        return (1,)

    def preprocess(self, item: ImageInput, parameters: Any) -> Prepared:
        try:
            return Prepared([self.kernel.row(item.image)])
        except InvalidInput as error:
            raise error.under("image") from None
