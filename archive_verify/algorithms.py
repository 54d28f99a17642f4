"""Hash functions and signatures that a proof may rest on, and their arithmetic.

MD5 and SHA-1 are refused: two documents with one digest can be made. (The SHA-1 that RFC 2634 §5.4 uses to name a
certificate is allowed by the one place that reads it: an attacker would need a second preimage.)
"""

from __future__ import annotations

import hashlib
from typing import Any

from asn1crypto import algos, keys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from archive_verify.errors import Refused

# By their name in hashlib and in asn1crypto.
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}

# Absent, or NULL (RFC 5754 §2).
_NO_PARAMETERS = (b"", b"\x05\x00")

# Shorter RSA keys could be factored today.
_SHORTEST_RSA_BITS = 2048


def digest(algorithm: str, *parts: bytes | memoryview) -> bytes:
    """Return the digest of the parts, one after the other. Raises Refused for a hash function that is not permitted.

    >>> digest("sha256", b"a", b"b") == digest("sha256", b"ab")
    True
    """
    require_permitted(algorithm)
    state = hashlib.new(algorithm)
    for part in parts:
        state.update(part)
    return state.digest()


def require_permitted(algorithm: str) -> None:
    """Raise Refused for a hash function that a proof must not rest on."""
    if algorithm not in _HASHES:
        raise Refused(f"The hash function {algorithm} is not one that a proof may rest on.")


def hash_name(identifier: algos.DigestAlgorithm) -> str:
    """Return the name of a hash function from its ASN.1 identifier, whose parameters are NULL or absent (RFC 5754 §2).

    Raises Refused for one that is not permitted.
    """
    name: str = identifier["algorithm"].native
    require_permitted(name)
    if identifier["parameters"].dump() not in _NO_PARAMETERS:
        raise Refused("A hash function carries parameters, which none of those permitted has.")
    return name


def require_signature(
    key: keys.PublicKeyInfo,
    algorithm: algos.SignedDigestAlgorithm,
    hashed_by: str | None,
    signature: bytes,
    data: bytes,
) -> None:
    """Raise Refused unless ``signature`` over ``data`` was made with the private half of ``key``.

    ``hashed_by`` names the hash function where the signature algorithm leaves it open (CMS allows "rsaEncryption").
    """
    public = serialization.load_der_public_key(key.dump())
    kind = algorithm.signature_algo
    try:
        if isinstance(public, rsa.RSAPublicKey) and kind in {"rsassa_pkcs1v15", "rsassa_pss"}:
            _require_long(public)
            if kind == "rsassa_pss":
                public.verify(signature, data, *_pss(algorithm["parameters"]))
            else:
                public.verify(signature, data, padding.PKCS1v15(), _hash(_hash_of(algorithm, hashed_by)))
        elif isinstance(public, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            public.verify(signature, data, ec.ECDSA(_hash(_hash_of(algorithm, hashed_by))))
        elif isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and kind in {"ed25519", "ed448"}:
            public.verify(signature, data)
        else:
            raise Refused(f"A signature of kind {kind} does not fit the signer's key.")
    except InvalidSignature as wrong:
        raise Refused("A signature is not that of the key in the signer's certificate.") from wrong


def _hash_of(algorithm: algos.SignedDigestAlgorithm, hashed_by: str | None) -> str:
    if algorithm["parameters"].dump() not in _NO_PARAMETERS:
        raise Refused("A signature algorithm carries parameters, which it has not.")
    named = None if algorithm["algorithm"].native == "rsassa_pkcs1v15" else algorithm.hash_algo
    if named is not None and hashed_by is not None and named != hashed_by:
        raise Refused("The signature algorithm and the digest algorithm of a signature contradict each other.")
    if named is None and hashed_by is None:
        raise Refused("A signature does not say which hash function it uses.")
    return str(named or hashed_by)


def _pss(parameters: Any) -> tuple[padding.PSS, hashes.HashAlgorithm]:
    hashed = _hash(hash_name(parameters["hash_algorithm"]))
    mask = parameters["mask_gen_algorithm"]
    if mask["algorithm"].native != "mgf1" or parameters["trailer_field"].native != "trailer_field_bc":
        raise Refused("The signature uses a form of RSASSA-PSS that RFC 4055 does not know.")
    # MGF1 over SHA-1 is no weakness: the mask needs no collision resistance.
    masked_by = mask["parameters"]["algorithm"].native
    mask_hash = hashes.SHA1() if masked_by == "sha1" else _hash(masked_by)  # noqa: S303
    return padding.PSS(padding.MGF1(mask_hash), parameters["salt_length"].native), hashed


def _hash(name: str) -> hashes.HashAlgorithm:
    require_permitted(name)
    return _HASHES[name]


def _require_long(key: rsa.RSAPublicKey) -> None:
    if key.key_size < _SHORTEST_RSA_BITS:
        raise Refused(f"An RSA key of {key.key_size} bits is too short to prove anything.")
