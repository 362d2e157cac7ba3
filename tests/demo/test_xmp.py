import io
import xml.etree.ElementTree as ET

from PIL import Image

from expressions.demo.xmp import SOURCE_TYPE, marked_loop, marked_png, xmp_packet

LINK = '?seed=7&Smiling=90&weights=ab"<'


def described(packet: str) -> dict[str, str]:
    """The properties of the picture that an XMP packet describes."""
    root = ET.fromstring(packet)  # noqa: S314
    description = root.find(".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert description is not None
    return {name.rpartition("}")[2]: value for name, value in description.attrib.items()}


def test_the_packet_says_that_a_model_drew_the_picture_and_from_what() -> None:
    properties = described(xmp_packet(LINK))
    assert properties["DigitalSourceType"] == SOURCE_TYPE
    assert properties["Recipe"] == LINK


def test_a_png_keeps_its_pixels_and_carries_the_packet_where_readers_look() -> None:
    picture = Image.linear_gradient("L").convert("RGB")
    written = Image.open(io.BytesIO(marked_png(picture, LINK)))
    assert written.tobytes() == picture.tobytes()
    assert described(written.text["XML:com.adobe.xmp"])["Recipe"] == LINK  # type: ignore[attr-defined]


def test_a_loop_goes_there_and_back_and_carries_the_packet() -> None:
    pictures = [Image.new("RGB", (8, 8), (40 * step, 0, 0)) for step in range(5)]
    written = Image.open(io.BytesIO(marked_loop(pictures, LINK)))
    assert written.n_frames == 8  # type: ignore[attr-defined]
    assert described(written.info["xmp"].decode())["DigitalSourceType"] == SOURCE_TYPE
