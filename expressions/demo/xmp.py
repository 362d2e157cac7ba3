"""What a picture of ours says of itself: that a model drew it, and from what.

The mark is the one that IPTC asks of generators: DigitalSourceType in XMP
(https://cv.iptc.org/newscodes/digitalsourcetype/). The recipe beside it is the page's link.
"""

import io
from xml.sax.saxutils import quoteattr

from PIL import Image
from PIL.PngImagePlugin import PngInfo

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
NAMESPACE = "urn:x-expressions:1.0/"
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:expressions={namespace}
 Iptc4xmpExt:DigitalSourceType={source_type} xmp:CreatorTool="Expressions" expressions:Recipe={recipe}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def xmp_packet(recipe: str) -> str:
    """The XMP of a picture made by a recipe, such as "?seed=7&Smiling=90&weights=0123456789ab"."""
    return _XMP.format(namespace=quoteattr(NAMESPACE), source_type=quoteattr(SOURCE_TYPE), recipe=quoteattr(recipe))


def marked_png(picture: Image.Image, recipe: str) -> bytes:
    """A PNG that says that it is synthetic and how to make it again.

    `Image.save` ignores `xmp` for PNG, so the packet goes into the text chunk that the XMP specification names.
    """
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp_packet(recipe))
    file = io.BytesIO()
    picture.save(file, format="PNG", pnginfo=info)  # optimize=True spares 5 % and takes eight times as long
    return file.getvalue()
