"""What in a PDF acts, or carries something that acts: looked for in every object, reachable or not.

It must never run or follow what it finds. A name is compared as the parser decodes it, so that
``/J#61vaScript`` is found too. Sources: ISO 32000-2 §12.6.4 (actions), §12.5.6 (annotations), §7.11
(files), §7.3.8.2 (external streams), §12.7.8 (XFA). An ordinary link to a web page is not active; one that
opens by itself is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pikepdf

from archive_service.model.findings import FindingCode

_MAX_DEPTH = 64

# One look at an object as text says whether a closer look is worth its time.
_WORTH_A_LOOK = re.compile(
    rb"/(?:JS|JavaScript|Launch|EF|EmbeddedFile|FileAttachment|XFA|F|Ref|RichMedia\w*|Movie|Sound|Screen|3D"
    rb"|Rendition|GoTo3DView|SubmitForm|ImportData|GoTo[RE]|OpenAction|AA)[\s/\[(<>]"
)

_ACTIONS = {
    "/JavaScript": FindingCode.JAVASCRIPT,
    "/Launch": FindingCode.LAUNCH_ACTION,
    "/SubmitForm": FindingCode.REMOTE_ACTION,
    "/ImportData": FindingCode.REMOTE_ACTION,
    "/GoToR": FindingCode.REMOTE_ACTION,
    "/GoToE": FindingCode.REMOTE_ACTION,
    "/Movie": FindingCode.RICH_MEDIA,
    "/Sound": FindingCode.RICH_MEDIA,
    "/Rendition": FindingCode.RICH_MEDIA,
    "/GoTo3DView": FindingCode.RICH_MEDIA,
    "/RichMediaExecute": FindingCode.RICH_MEDIA,
}
_SUBTYPES = {
    "/FileAttachment": FindingCode.EMBEDDED_FILES,
    "/RichMedia": FindingCode.RICH_MEDIA,
    "/Movie": FindingCode.RICH_MEDIA,
    "/Sound": FindingCode.RICH_MEDIA,
    "/Screen": FindingCode.RICH_MEDIA,
    "/3D": FindingCode.RICH_MEDIA,
}
_KEYS = {
    "/JS": FindingCode.JAVASCRIPT,
    "/JavaScript": FindingCode.JAVASCRIPT,
    "/EF": FindingCode.EMBEDDED_FILES,
    "/XFA": FindingCode.XFA_FORM,
}


def active_content(text: bytes, item: pikepdf.Object) -> set[FindingCode]:
    """Return what acts of the object: dictionary, array, or a stream's dictionary; ``text`` is its source."""
    if _WORTH_A_LOOK.search(text) is None:
        return set()
    found: set[FindingCode] = set()
    for dictionary in dictionaries_in(item):
        found |= _of_dictionary(dictionary)
    return found


def stream_active_content(dictionary: pikepdf.Object) -> set[FindingCode]:
    """Return what a stream's dictionary says beyond any dictionary: data elsewhere, an embedded file."""
    found = set()
    if "/F" in dictionary:
        found.add(FindingCode.EXTERNAL_STREAM)
    reference = dictionary.get("/Ref")
    if isinstance(reference, pikepdf.Dictionary) and "/F" in reference:
        found.add(FindingCode.EXTERNAL_STREAM)
    if _name(dictionary, "/Type") == "/EmbeddedFile":
        found.add(FindingCode.EMBEDDED_FILES)
    return found


def dictionaries_in(item: pikepdf.Object, depth: int = 0) -> Iterator[pikepdf.Object]:
    """Yield the dictionary itself and every direct one inside it; indirect ones are visited on their own."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(item, pikepdf.Dictionary):
        yield item
        inside = item.as_dict().values()
    elif isinstance(item, pikepdf.Array):
        inside = item.as_list()
    else:
        return
    for value in inside:
        if isinstance(value, (pikepdf.Dictionary, pikepdf.Array)) and not value.is_indirect:
            yield from dictionaries_in(value, depth + 1)


def _of_dictionary(dictionary: pikepdf.Object) -> set[FindingCode]:
    found = {finding for key, finding in _KEYS.items() if key in dictionary}
    # A structure element's /S is its kind of text, not an action.
    if _name(dictionary, "/Type") != "/StructElem" and (action := _ACTIONS.get(_name(dictionary, "/S"))):
        found.add(action)
    if annotation := _SUBTYPES.get(_name(dictionary, "/Subtype")):
        found.add(annotation)
    if _opens_a_link_by_itself(dictionary):
        found.add(FindingCode.REMOTE_ACTION)
    return found


def _opens_a_link_by_itself(dictionary: pikepdf.Object) -> bool:
    triggers = [dictionary.get("/OpenAction")]
    additional = dictionary.get("/AA")
    if isinstance(additional, pikepdf.Dictionary):
        triggers += list(additional.as_dict().values())
    return any(isinstance(t, pikepdf.Dictionary) and _name(t, "/S") == "/URI" for t in triggers)


def _name(dictionary: pikepdf.Object, key: str) -> str:
    value = dictionary.get(key)
    return str(value) if isinstance(value, pikepdf.Name) else ""
