#!/usr/bin/env python3
"""A second verifier for the signed log of a run, written from docs/log.md alone.

    second_verifier.py RUN_DIR ALLOWED_SIGNERS [REVOKED_KEYS]   judges one run directory
    second_verifier.py --bundles                 judges bundles from stdin, one line of answer each (see `serve`)

Needs Python 3.11 and OpenSSL's libcrypto, nothing else. The numbers in comments are the steps of docs/log.md.
"""

import base64
import binascii
import ctypes
import ctypes.util
import datetime
import functools
import hashlib
import json
import os
import re
import stat
import struct
import sys

LOG_ROLE, APPROVAL_ROLE = "log.v1@runbook", "approval.v1@runbook"
FORMAT = "runbook-log/1"
LONGEST_LINE = 1 << 20
LARGEST_DAMAGE = 2 << 20
DEEPEST = 127
RANK = {"COMPLETE": 0, "INCOMPLETE": 1, "UNTRUSTED": 2, "TAMPERED": 3}
TYPES = {
    "run.start", "step.start", "step.output", "step.end", "approval.request", "approval", "anchor", "run.resume",
    "run.end", "event",
}
BOUNDARY = {"run.start", "run.resume", "run.end"}
ANNOUNCING = {"run.start", "run.resume", "step.start"}


class Bad(Exception):
    """Something is not as it was written."""


class Unchecked(Exception):
    """Nobody here can tell."""


class Untrusted(Exception):
    """Somebody may have said it, but nobody whose word counts here."""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# --- Signatures ------------------------------------------------------------------------------------------------------

_crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
_ED25519 = 1087
for _name, _result, _arguments in [
    ("EVP_PKEY_new_raw_public_key", ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    ("EVP_PKEY_free", None, [ctypes.c_void_p]),
    ("EVP_MD_CTX_new", ctypes.c_void_p, []),
    ("EVP_MD_CTX_free", None, [ctypes.c_void_p]),
    ("EVP_DigestVerifyInit", ctypes.c_int, [ctypes.c_void_p] * 5),
    ("EVP_DigestVerify", ctypes.c_int,
     [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]),
    ("ERR_clear_error", None, []),
    ("d2i_PUBKEY", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]),
    ("EVP_sha256", ctypes.c_void_p, []),
    ("EVP_sha384", ctypes.c_void_p, []),
    ("EVP_sha512", ctypes.c_void_p, []),
]:
    getattr(_crypto, _name).restype = _result
    getattr(_crypto, _name).argtypes = _arguments

# Points of small order, by their y coordinate: 0, 1, -1 and the two of order eight. They sign everything.
_P = 2**255 - 19
_Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL = {0, 1, _P - 1, _Y8, _P - _Y8}


def small_order(point):
    return (int.from_bytes(point, "little") & (2**255 - 1)) % _P in _SMALL


def ed25519_verifies(public, signature, message):
    if small_order(public) or small_order(signature[:32]):
        return False
    return verifies(_crypto.EVP_PKEY_new_raw_public_key(_ED25519, None, public, 32), None, signature, message)


def verifies(key, digest, signature, message):
    """Whether this OpenSSL key made a signature; frees the key."""
    if not key:
        _crypto.ERR_clear_error()
        return False
    context = _crypto.EVP_MD_CTX_new()
    try:
        return (
            _crypto.EVP_DigestVerifyInit(context, None, digest, None, key) == 1
            and _crypto.EVP_DigestVerify(context, signature, len(signature), message, len(message)) == 1
        )
    finally:
        _crypto.EVP_MD_CTX_free(context)
        _crypto.EVP_PKEY_free(key)
        _crypto.ERR_clear_error()


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(length)]) + length + body


SEQUENCE, INTEGER, BITS = 0x30, 0x02, 0x03
RSA = bytes.fromhex("06092a864886f70d0101010500")
EC = bytes.fromhex("06072a8648ce3d0201")
CURVES = {
    b"nistp256": (bytes.fromhex("06082a8648ce3d030107"), _crypto.EVP_sha256),
    b"nistp384": (bytes.fromhex("06052b81040022"), _crypto.EVP_sha384),
    b"nistp521": (bytes.fromhex("06052b81040023"), _crypto.EVP_sha512),
}


def key_of_der(algorithm, public):
    spki = der(SEQUENCE, der(SEQUENCE, algorithm), der(BITS, b"\0", public))
    at = ctypes.c_char_p(spki)
    return _crypto.d2i_PUBKEY(None, ctypes.byref(at), len(spki))


def number(data):
    """A positive number as OpenSSH writes it, which is how DER writes it."""
    if not data or data[0] & 128 or (len(data) > 1 and data[0] == 0 and not data[1] & 128):
        raise Bad("not a positive number in its shortest form")
    return der(INTEGER, data)


def rsa_verifies(fields, kind, signature, message):
    exponent, modulus = fields
    size = len(modulus.lstrip(b"\0"))
    if size < 128 or len(signature) > size:
        return False
    digest = {b"rsa-sha2-256": _crypto.EVP_sha256, b"rsa-sha2-512": _crypto.EVP_sha512}[kind]
    key = key_of_der(RSA, der(SEQUENCE, number(modulus), number(exponent)))
    return verifies(key, digest(), signature.rjust(size, b"\0"), message)


def ecdsa_verifies(fields, kind, signature, message):
    curve, point = fields
    if b"ecdsa-sha2-" + curve != kind or point[:1] != b"\4":
        return False
    oid, digest = CURVES[curve]
    inner = Strings(signature)
    both = der(SEQUENCE, number(inner.string()), number(inner.string()))
    inner.end()
    return verifies(key_of_der(EC + oid, point), digest(), both, message)


@functools.lru_cache(maxsize=100_000)
def key_verifies(blob, kind, signature, message):
    """Whether the key with this blob made this kind of signature over these bytes."""
    name, fields = read_key(blob)
    if name == "ssh-ed25519":
        return ed25519_verifies(fields[0], signature, message)
    if name.startswith("sk-") or is_certificate(name):
        raise Unchecked(f"keys of type {name} are not checked here")
    try:
        return (rsa_verifies if name == "ssh-rsa" else ecdsa_verifies)(fields, kind, signature, message)
    except Bad:
        return False


# --- OpenSSH's encodings -------------------------------------------------------------------------------------------

def put(data):
    return struct.pack(">I", len(data)) + data


class Strings:
    """Reads OpenSSH's length-prefixed strings."""

    def __init__(self, data):
        self.data = data

    def take(self, count):
        if len(self.data) < count:
            raise Bad("cut short")
        head, self.data = self.data[:count], self.data[count:]
        return head

    def string(self):
        return self.take(struct.unpack(">I", self.take(4))[0])

    def end(self):
        if self.data:
            raise Bad("trailing bytes")


def strict_base64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Bad("bad base64") from None
    if base64.b64encode(data).decode() != text:
        raise Bad("another spelling of base64")
    return data


# What kinds of keys there are: their kinds of signatures, and how many fields they have. `ssh-rsa` is no kind of
# signature: that is SHA-1.
KINDS = {
    "ssh-ed25519": ({b"ssh-ed25519"}, 1),
    "ssh-rsa": ({b"rsa-sha2-256", b"rsa-sha2-512"}, 2),
    "ecdsa-sha2-nistp256": ({b"ecdsa-sha2-nistp256"}, 2),
    "ecdsa-sha2-nistp384": ({b"ecdsa-sha2-nistp384"}, 2),
    "ecdsa-sha2-nistp521": ({b"ecdsa-sha2-nistp521"}, 2),
    "sk-ssh-ed25519@openssh.com": ({b"sk-ssh-ed25519@openssh.com"}, 2),
    "sk-ecdsa-sha2-nistp256@openssh.com": ({b"sk-ecdsa-sha2-nistp256@openssh.com"}, 3),
}
CERTIFICATE = "-cert-v01@openssh.com"


def is_certificate(name):
    return name.endswith(CERTIFICATE)


def kind_of(name):
    """What a name stands for; a certificate is of the kind of its key."""
    plain = name.removesuffix(CERTIFICATE)
    if plain != name and plain.startswith("sk-"):
        plain += "@openssh.com"
    if plain not in KINDS:
        raise Bad("key type is not supported")
    return KINDS[plain]


def read_key(blob):
    """The type of a key and its fields; those of a certificate are left alone."""
    reader = Strings(blob)
    try:
        name = reader.string().decode()
    except UnicodeError:
        raise Bad("key type is not text") from None
    _, count = kind_of(name)
    if is_certificate(name):
        return name, []
    fields = [reader.string() for _ in range(count)]
    reader.end()
    if name == "ssh-ed25519" and len(fields[0]) != 32:
        raise Bad("key is not 32 bytes long")
    return name, fields


def key_of_words(name, encoded):
    """The blob of a key that stands in a line."""
    blob = strict_base64(encoded)
    if read_key(blob)[0] != name:
        raise Bad("the line names another type than its key has")
    return blob


def announced_key(line):
    word, _, encoded = line.partition(" ")
    if word != "ssh-ed25519":
        raise Bad("announced key is of another type")
    return key_of_words(word, encoded)


def armor(blob):
    encoded = base64.b64encode(blob).decode()
    lines = [encoded[at:at + 70] for at in range(0, len(encoded), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


@functools.lru_cache(maxsize=100_000)
def read_signature(text):
    """(key, namespace, hash name, kind, signature) of an armored SSHSIG; only the one spelling passes."""
    lines = text.split("\n")
    if len(lines) < 3 or lines[0] != "-----BEGIN SSH SIGNATURE-----" or lines[-2:] != ["-----END SSH SIGNATURE-----", ""]:
        raise Bad("not an armored SSH signature")
    blob = strict_base64("".join(lines[1:-2]))
    if armor(blob) != text:
        raise Bad("another spelling of the armor")
    reader = Strings(blob)
    if reader.take(6) != b"SSHSIG" or reader.take(4) != b"\0\0\0\1":
        raise Bad("not an SSHSIG of version 1")
    key = reader.string()
    name, _ = read_key(key)
    namespace = reader.string()
    if reader.string():
        raise Bad("the reserved field is not empty")
    digest = reader.string()
    if digest not in (b"sha256", b"sha512"):
        raise Bad("hash is neither sha256 nor sha512")
    inner = Strings(reader.string())
    reader.end()
    kind = inner.string()
    if kind not in kind_of(name)[0]:
        raise Bad("signature type is not one of this key's")
    signature = inner.string()
    if kind.startswith(b"sk-"):
        inner.take(5)
    inner.end()
    if kind == b"ssh-ed25519" and len(signature) != 64:
        raise Bad("signature is not 64 bytes long")
    return key, namespace, digest, kind, signature


def check_signature(text, namespace, message_hash, digest):
    """The key that signed a message of this hash, for this namespace."""
    key, found, used, kind, signature = read_signature(text)
    if found != namespace.encode():
        raise Bad(f"namespace is {found!r}")
    if used != digest:
        raise Bad(f"made with {used!r}")
    signed = b"SSHSIG" + put(found) + put(b"") + put(used) + put(message_hash)
    if not key_verifies(key, kind, signature, signed):
        raise Bad("signature is not valid for these bytes")
    return key


# --- The trust store -----------------------------------------------------------------------------------------------

def glob(pattern, name):
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), name, re.DOTALL) is not None


def in_patterns(patterns, name):
    patterns = patterns.split(",")
    if any(glob(p[1:], name) for p in patterns if p.startswith("!")):
        return False
    return any(glob(p, name) for p in patterns if not p.startswith("!"))


def moment(text):
    digits = text.removesuffix("Z")
    if len(digits) not in (8, 12, 14) or not re.fullmatch("[0-9]+", digits):
        raise Bad(f"{text} is not a time")
    padded = digits.ljust(14, "0")
    try:
        datetime.datetime.strptime(padded, "%Y%m%d%H%M%S")
    except ValueError:
        raise Bad(f"{text} is not a time") from None
    return padded


def read_revoked(text):
    """The blobs of revoked keys, one public key per line. Lists in OpenSSH's binary form are not read here."""
    if text.startswith(b"SSHKRL"):
        raise Bad("a binary revocation list is not read here")
    try:
        lines = [line.strip() for line in text.decode().split("\n")]
    except UnicodeError:
        raise Bad("the list of revoked keys is not text") from None
    words = [line.split() for line in lines if line and not line.startswith("#")]
    if any(len(line) < 2 for line in words):
        raise Bad("a line of the list of revoked keys is no key")
    return {key_of_words(line[0], line[1]) for line in words}


class TrustStore:
    """An `allowed_signers` file and a list of revoked keys."""

    LINE = re.compile(r'((?:[^\s"]|"[^"]*")+)[ \t]+(?:((?:[^\s"]|"[^"]*")+)[ \t]+)??((?:ssh-|ecdsa-|sk-ssh-|sk-ecdsa-)\S*)[ \t]+([A-Za-z0-9+/=]+)(?:[ \t].*)?')

    def __init__(self, text, revoked=b""):
        self.entries, self.revoked = [], read_revoked(revoked)
        for line in text.split("\n"):
            line = line.strip()
            if line and not line.startswith("#"):
                self.add(line)

    def add(self, line):
        found = self.LINE.fullmatch(line)
        if not found:
            raise Bad(f"not a line of allowed_signers: {line}")
        principals, options, kind, encoded = found.groups()
        said = {"namespaces": None, "valid-after": None, "valid-before": None}
        for option in re.findall(r'(?:[^,"]|"[^"]*")+', options or ""):
            name, _, value = option.partition("=")
            if name.lower() == "cert-authority":
                return
            if name.lower() not in said:
                raise Bad(f"unknown option {name}")
            said[name.lower()] = value.strip('"')
        after, before = (said[name] and moment(said[name]) for name in ("valid-after", "valid-before"))
        key = key_of_words(kind, encoded)
        if is_certificate(kind):
            return
        self.entries.append((principals.strip('"'), key, said["namespaces"], after, before))

    def owner(self, key, namespace, t):
        """The name of whoever may sign in this namespace at this time with this key, or None."""
        if key in self.revoked:
            return None
        when = re.sub("[^0-9]", "", t[:19])
        for principal, known, namespaces, after, before in self.entries:
            if (
                known == key
                and (namespaces is None or in_patterns(namespaces, namespace))
                and (after is None or after <= when)
                and (before is None or when <= before)
            ):
                return principal
        return None

    def is_also(self, key, principal):
        return any(known == key and name == principal for name, known, *_ in self.entries)


# --- Lines (step 1) ------------------------------------------------------------------------------------------------

def no_duplicates(pairs):
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Bad("duplicate key")
    return fields


def only_integers(text):
    raise Bad(f"{text} is not an integer")


def integer(text):
    value = int(text)
    if not -(2**63) <= value < 2**64:
        raise Bad("number is too large")
    return value


def compact(value):
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return re.sub("[\x7f-\x9f]", lambda c: f"\\u{ord(c[0]):04x}", text)


def depth(value):
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


READER = json.JSONDecoder(
    object_pairs_hook=no_duplicates, parse_float=only_integers, parse_constant=only_integers, parse_int=integer
)


@functools.lru_cache(maxsize=20_000)
def read_line(line):
    """The fields of a line without its line feed."""
    if len(line) >= LONGEST_LINE:
        raise Bad("line is too long")
    try:
        text = line.decode()
        fields = READER.decode(text)
        if compact(fields) != text or depth(fields) > DEEPEST:
            raise Bad("not in compact form, or nested too deeply")
    except (UnicodeError, RecursionError, ValueError) as error:
        raise Bad(f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise Bad("not an object")
    return check_shape(fields)


def is_count(value):
    return type(value) is int and 0 <= value < 2**64


def is_sum(value):
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def is_time(value):
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", value):
        return False
    try:
        return 1970 <= datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").year <= 9998 and value[17] != "6"
    except ValueError:
        return False


def is_run(value):
    """26 characters of Crockford's base32 that hold a UUID of version 7."""
    if not re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", value):
        return False
    bits = 0
    for c in value:
        bits = bits << 5 | "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(c)
    return bits >> 76 & 15 == 7 and bits >> 62 & 3 == 2


SEAL = {"seq": int, "prev": str, "run": str, "type": str, "bytes": int, "sha256": str, "by": str, "sig": str}
RECORD = {"seq": int, "prev": str, "run": str, "t": str, "mono_us": int, "type": str}


def check_shape(fields):
    names = list(fields)
    sealing = names[3:4] == ["type"]
    shape = SEAL if sealing else RECORD
    if names[:len(shape)] != list(shape) or (sealing and len(names) != len(shape)):
        raise Bad("fields are missing, too many or in another order")
    for name, kind in shape.items():
        value = fields[name]
        if not (is_count(value) if kind is int else isinstance(value, str)):
            raise Bad(f"field {name} has another type")
    if sealing != (fields["type"] == "seal"):
        raise Bad("a seal has no time, and only a seal")
    if not sealing:
        if fields["type"] not in TYPES:
            raise Bad("unknown type")
        if not is_time(fields["t"]):
            raise Bad("not a time")
        if fields["type"] == "event" and not isinstance(fields.get("event"), str):
            raise Bad("an event without its name")
    return fields


# --- One segment (step 2) ------------------------------------------------------------------------------------------

class Segment:
    """What one segment file turned out to be."""

    def __init__(self, number, data, mono_us):
        self.number, self.data, self.mono_us = number, data, mono_us
        self.run = self.identity = self.session = self.opening = None
        self.unchecked = None  # why a signature of the identity key could not be checked
        self.heads = []      # (segment, bytes, sha256), one for each good seal
        self.sealed = []     # (record, head)
        self.ended = False
        self.fault = None
        self.torn = False    # stops in the middle of an interrupted write
        self.walk()

    def walk(self):
        at, seq, prev, sealed_end, batch = 0, 0, "0" * 64, 0, []
        clock, running = self.mono_us, hashlib.sha256()
        try:
            while (end := self.data.find(b"\n", at)) >= 0:
                if self.ended:
                    raise Bad("something follows the end of the run")
                line = self.data[at:end + 1]
                fields = read_line(line[:-1])
                self.check_place(fields, seq, prev)
                if fields["type"] == "seal":
                    self.check_seal(fields, at, running.copy(), batch)
                    sealed_end, self.mono_us = end + 1, clock
                    self.release(batch)
                    batch = []
                else:
                    if fields["mono_us"] < clock:
                        raise Bad("monotonic clock runs backwards")
                    if batch and batch[-1]["type"] == "run.end":
                        raise Bad("a record follows run.end")
                    if seq and fields["type"] in ("run.start", "run.resume"):
                        raise Bad("a second opening")
                    clock = fields["mono_us"]
                    batch.append(fields)
                running.update(line)
                prev = sha256(line)
                seq, at = seq + 1, end + 1
        except Bad as error:
            after = self.data[sealed_end:]
            if not self.ended and len(after) < LARGEST_DAMAGE and bytes(16) in after:
                self.torn = True
            else:
                self.fault = str(error)
            return
        rest = len(self.data) - at
        if rest and (self.ended or rest > LARGEST_DAMAGE):
            self.fault = "bytes that no interrupted write leaves"
        self.torn = rest > 0

    def check_place(self, fields, seq, prev):
        if seq == 0:
            opens = "run.start" if self.number == 1 else "run.resume"
            if fields["type"] != opens or fields.get("format") != FORMAT or not is_run(fields["run"]):
                raise Bad(f"does not begin with {opens} of {FORMAT}")
            self.run = fields["run"]
        if fields["run"] != self.run:
            raise Bad("belongs to another run")
        if fields["seq"] != seq:
            raise Bad(f"record {fields['seq']} stands at place {seq}")
        if fields["prev"] != prev:
            raise Bad(f"record {seq} does not follow the line before it")

    def check_seal(self, seal, at, running, batch):
        if seal["bytes"] != at or seal["sha256"] != running.hexdigest():
            raise Bad("seal does not match the bytes before it")
        if not batch:
            raise Bad("seal seals nothing")
        try:
            key = check_signature(seal["sig"], LOG_ROLE, running.digest(), b"sha256")
        except Unchecked as why:
            if seal["by"] != "identity":
                raise Bad("a session key of another type") from None
            key, self.unchecked = read_signature(seal["sig"])[0], str(why)
        boundary = any(record["type"] in BOUNDARY for record in batch)
        if seal["by"] != ("identity" if boundary else "session"):
            raise Bad("seal is by the wrong kind of key")
        if boundary:
            if self.identity not in (None, key):
                raise Bad("identity key changed")
            self.identity = key
        elif self.session != key:
            raise Bad("not the current session key")
        self.heads.append((self.number, at, seal["sha256"]))

    def release(self, batch):
        for record in batch:
            if record["type"] in ANNOUNCING:
                line = record.get("session_key")
                if not isinstance(line, str):
                    raise Bad("announces no session key")
                self.session = announced_key(line)
            self.ended |= record["type"] == "run.end"
            if record["seq"] == 0:
                self.opening = record
            self.sealed.append((record, self.heads[-1]))


# --- The run (steps 3 to 8) ----------------------------------------------------------------------------------------

def segment_file(number):
    return "run.jsonl" if number == 1 else f"run.{number}.jsonl"


def segment_numbers(names):
    found = set()
    for name in names:
        match = re.fullmatch(r"run\.(?:([1-9][0-9]*)\.)?jsonl(?:\.sig)?", name)
        number = match and int(match[1] or 1)
        if number and name.removesuffix(".sig") == segment_file(number):
            found.add(number)
    return sorted(found)


def claims_of(record):
    kind = record["type"]
    if kind in ("step.output", "step.end"):
        found = [record.get(name) for name in ("stdout", "stderr", "output")]
    elif kind in ("run.start", "run.resume"):
        files = record.get("files")
        found = list(files) if isinstance(files, list) else []
        changed = record.get("changed") if kind == "run.resume" else None
        found.append(changed.get("plan") if isinstance(changed, dict) else None)
    else:
        found = []
    for claim in found:
        if not isinstance(claim, dict):
            continue
        file, length, digest = claim.get("file"), claim.get("bytes"), claim.get("sha256")
        if not (isinstance(file, str) and is_count(length) and is_sum(digest)):
            raise Bad("a named file lacks its length or sum")
        parts = file.split("/")
        if len(file.encode()) >= 4096 or not all(re.fullmatch(r"(?!\.)[^\x00-\x1f\x7f-\x9f\\]+", part) for part in parts):
            raise Bad("a named file leaves the run directory")
        yield file, length, digest, kind != "step.output"


# --- Approvals (step 6) --------------------------------------------------------------------------------------------

def text_of(record, name):
    value = record.get(name)
    return value if isinstance(value, str) else ""


def concerns_people(record):
    if record["type"] == "event":
        return record["event"] in ("asked", "lapsed", "step_finished", "answer_expired", "withdrawn")
    return record["type"] in ("approval.request", "approval")


VALUE = r"[^\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
LAST = (
    rf"role: (?P<role>{VALUE}*)\nreference: (?P<reference>{VALUE}*)\nreason: (?P<reason>{VALUE}*)\n"
    r"time: (?P<time>[^\n]+)\nnonce: (?P<nonce>[0-9a-f]{32})\n"
)
ANSWER = re.compile(
    rf"runbook-approval v2\nrun: (?P<run>[^\n]+)\ncheckpoint: (?P<checkpoint>{VALUE}+)\ndecision: (?P<decision>go|no-go)\n"
    r"plan: sha256:(?P<plan>[0-9a-f]{64})\n"
    r"log: (?P<log>segment (?P<segment>0|[1-9][0-9]*), (?P<bytes>0|[1-9][0-9]*) bytes sha256:[0-9a-f]{64})\n" + LAST
)
OF_PLAN = re.compile(
    rf"runbook-plan-approval v1\nplan: sha256:(?P<plan>[0-9a-f]{{64}})\nrunbook: (?P<runbook>{VALUE}+)\n"
    rf"target: (?P<target>{VALUE}*)\n(?P<checkpoints>(?:checkpoint: {VALUE}+\n)+)expires: (?P<expires>[^\n]+)\n" + LAST
)


def read_statement(text):
    """The fields of an approval, by name."""
    found = ANSWER.fullmatch(text) or OF_PLAN.fullmatch(text)
    if not found:
        raise Bad("not an approval of this version")
    said = found.groupdict()
    said["of_plan"] = found.re is OF_PLAN
    values = [value for name, value in said.items() if name not in ("checkpoints", "of_plan") and value]
    if said["of_plan"]:
        said["checkpoints"] = [line.removeprefix("checkpoint: ") for line in said["checkpoints"].split("\n")[:-1]]
        values += said["checkpoints"]
    elif not is_run(said["run"]) or int(said["segment"]) >= 2**32 or int(said["bytes"]) >= 2**64:
        raise Bad("not an approval of this version")
    if any(len(value.encode()) > 1000 for value in values):
        raise Bad("a value of an approval is too long")
    if not all(is_time(said[name]) for name in ("time", "expires") if name in said):
        raise Bad("an approval has no valid time")
    return said


def micros(t):
    moment = datetime.datetime.strptime(t, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


class Question:
    """What was asked. What is not of the form it should have counts as not there."""

    def __init__(self, record, head):
        def fields(name):
            value = record.get(name)
            return value if isinstance(value, dict) else {}

        def texts(value):
            return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []

        self.head = head
        self.roles = {role: count for role, count in fields("roles").items() if is_count(count)}
        self.people = {role: texts(people) for role, people in fields("people").items()}
        good = record.get("good_for_us")
        self.good_for_us = good if is_count(good) and good < 2**63 else None
        self.reference = record.get("reference") is True
        self.doubtful = False

    def holds(self, role, person):
        return role in self.roles and any(one in (person, "*") for one in self.people.get(role, []))


class Hearing:
    """What people were asked and what they answered, in order."""

    def __init__(self, case):
        self.case, self.trust = case, case.run.trust
        self.open, self.given = {}, []

    def take(self, record, head):
        kind = record["type"]
        event = record["event"] if kind == "event" else None
        path = text_of(record, "checkpoint" if kind == "approval.request" else "path")
        asked = event == "asked" and record.get("question") == "checkpoint"
        if kind == "approval.request" or asked:
            self.open[path] = Question(record, head)
        elif kind == "approval":
            self.approval(record, head[0])
        elif event == "lapsed":
            self.lapse(record, path)
        else:
            question = self.open.pop(path, None) if isinstance(record.get("path"), str) else None
            if question and event == "step_finished" and record.get("verdict") == "pass":
                self.check_quorum(path, question, record["t"], head[0])

    def lapse(self, record, path):
        question = self.open.get(path)
        for given in self.given:
            said = (given["path"], given["head"], given["person"], given["role"] or None)
            role = record.get("role") if isinstance(record.get("role"), str) else None
            if question and said == (path, question.head, record.get("by"), role):
                given["lapsed"] = True

    def approval(self, record, number):
        text = record.get("sig")
        if not isinstance(text, str):
            return
        path = text_of(record, "checkpoint")
        used = read_signature(text)[2]
        said = read_statement(text_of(record, "statement"))
        question = self.open.get(path)
        try:
            key, person = self.signer(record, text, used, said, number)
            if question is None:
                raise Bad("an approval nobody asked for")
            decision = self.judge(record, path, said, question, key, person, number)
        except Untrusted:
            if question:
                question.doubtful = True
            raise
        told = {name: text_of(record, name) for name in ("decision", "role", "reference", "reason")}
        expected = {name: said[name] for name in ("role", "reference", "reason")} | {"decision": decision}
        if told != expected or (isinstance(record.get("nonce"), str) and record["nonce"] != said["nonce"]):
            raise Bad("the record says other than what was signed")
        self.given.append({
            "path": path, "head": question.head, "decision": decision, "person": person, "key": key,
            "role": said["role"], "said_us": micros(said["time"]), "nonce": said["nonce"], "lapsed": False,
        })

    def signer(self, record, text, used, said, number):
        digest = hashlib.new(used.decode(), text_of(record, "statement").encode()).digest()
        try:
            key = check_signature(text, APPROVAL_ROLE, digest, used)
        except Unchecked as why:
            raise Untrusted(str(why)) from None
        person = None
        for t in (said["time"], record["t"]):
            person = self.trust.owner(key, APPROVAL_ROLE, t)
            if person is None:
                raise Untrusted("an approval by somebody who may not approve")
        if self.drives(key, person, number):
            raise Bad("an approval by the operator")
        return key, person

    def judge(self, record, path, said, question, key, person, number):
        if said["plan"] != self.case.plan_sum(number):
            raise Bad("an approval of another plan")
        if said["of_plan"]:
            if path not in said["checkpoints"]:
                raise Bad("an approval of other checkpoints")
        else:
            segment, size, digest = question.head
            where = f"segment {segment}, {size} bytes sha256:{digest}"
            if (said["run"], said["checkpoint"], said["log"]) != (self.case.segments[0].run, path, where):
                raise Bad("an approval of something else")
        decision = "go" if said["of_plan"] else said["decision"]
        self.check_entitled(said, question, decision, person)
        self.check_new(said, path, question, decision, key, person)
        now, then = micros(record["t"]), micros(said["time"])
        if then > now + 300_000_000:
            raise Bad("an approval of the future")
        if said["of_plan"] and micros(said["expires"]) < now:
            raise Bad("an approval that had expired")
        if question.good_for_us is not None and now - then > question.good_for_us:
            raise Bad("an approval that was too old")
        return decision

    @staticmethod
    def check_entitled(said, question, decision, person):
        role = said["role"]
        if role:
            if role not in question.roles:
                raise Bad("an approval in a role nobody asked for")
            if not question.holds(role, person):
                raise Untrusted("an approval by somebody who does not hold the role")
        elif question.roles:
            if decision == "go":
                raise Bad("an approval in no role")
            if not any(question.holds(role, person) for role in question.roles):
                raise Untrusted("an approval by somebody who holds no role")
        if decision == "go" and question.reference and not said["reference"]:
            raise Bad("a GO without its reference")

    def check_new(self, said, path, question, decision, key, person):
        for given in self.given:
            here = (given["path"], given["head"]) == (path, question.head)
            if given["nonce"] == said["nonce"] and (here or not said["of_plan"]):
                raise Bad("an approval that was used before")
            same = given["person"] == person or given["key"] == key or self.trust.is_also(key, given["person"])
            if here and same and given["decision"] == decision and not given["lapsed"]:
                raise Bad("the same person twice")

    def drives(self, key, person, number):
        """Whether somebody opened this or an earlier segment."""
        return any(
            since <= number and (driver == key or person == name or self.trust.is_also(key, name))
            for since, driver, name in self.case.drivers
        )

    def check_quorum(self, path, question, t, number):
        for role, wanted in question.roles.items():
            found = 0
            for given in self.given:
                here = (given["path"], given["head"], given["decision"]) == (path, question.head, "go")
                fresh = question.good_for_us is None or micros(t) - given["said_us"] <= question.good_for_us
                counts = here and fresh and not given["lapsed"] and not self.drives(given["key"], given["person"], number)
                found += counts and given["role"] == role
            if found < wanted:
                raise (Untrusted if question.doubtful else Bad)("a checkpoint passed without its people")


class Case:
    """Gathers what is wrong; the worst of it is the verdict."""

    def __init__(self, run):
        self.run = run
        self.worst, self.why = "COMPLETE", []
        self.segments, self.claims, self.people, self.drivers = [], {}, [], []

    def find(self, verdict, why):
        self.why.append(f"{verdict}: {why}")
        if RANK[verdict] > RANK[self.worst]:
            self.worst = verdict

    def judge(self):
        try:
            self.read_segments()
            self.check_end()
            self.check_identity()
            self.check_approvals()
            self.check_files()
            self.check_heads()
            self.check_plan()
        except Bad as error:
            self.find("TAMPERED", str(error))
        if not any(segment.heads for segment in self.segments):
            self.find("INCOMPLETE", "nothing is sealed")
        return self.worst, self.why

    def read_segments(self):
        numbers = segment_numbers(self.run.names())
        for expected, number in enumerate(numbers, 1):
            data = self.run.read(segment_file(number))
            if number != expected or data is None:
                raise Bad("a segment is missing")
            before = self.segments[-1] if self.segments else None
            segment = Segment(number, data, before.mono_us if before else 0)
            self.segments.append(segment)
            if segment.fault:
                raise Bad(f"{segment_file(number)}: {segment.fault}")
            if segment.unchecked:
                self.find("UNTRUSTED", segment.unchecked)
            if self.run.expected not in (None, segment.run or self.run.expected):
                raise Bad("the log of another run")
            if before:
                self.check_link(segment, before)
            pending = set()
            for record, head in segment.sealed:
                self.take(record, head, pending)

    def check_link(self, segment, before):
        if before.ended or self.run.read(segment_file(before.number) + ".sig") is not None:
            raise Bad("a finished segment goes on")
        first = self.segments[0]
        if first.opening is None:
            raise Bad("the first segment has no sealed beginning, but another follows")
        if segment.run not in (None, first.run):
            raise Bad("a segment of another run")
        said = segment.opening
        if said is None:
            return
        sealed = before.heads[-1][1] if before.heads else 0
        expected = {
            "segment": segment.number, "file": segment_file(before.number), "bytes": len(before.data),
            "sha256": sha256(before.data), "sealed_bytes": sealed,
        }
        for name, value in expected.items():
            if type(said.get(name)) is not type(value) or said[name] != value:
                raise Bad(f"{segment_file(segment.number)} names another {name} of the segment before it")

    def take(self, record, head, pending):
        for file, length, digest, closed in claims_of(record):
            self.claims[file] = (length, digest, closed)
        if concerns_people(record):
            self.people.append((record, head))
        if record["type"] == "approval.request":
            pending.add(text_of(record, "checkpoint"))
        elif record["type"] == "approval":
            pending.discard(text_of(record, "checkpoint"))
        elif record["type"] == "step.start" and pending:
            raise Bad("a step was started while an approval was pending")

    def check_end(self):
        if not self.segments:
            self.find("INCOMPLETE", "there is no log")
            return
        last = self.segments[-1]
        signature = self.run.read(segment_file(last.number) + ".sig")
        if not last.ended or last.torn:
            if signature is not None:
                raise Bad("a final signature, but no end")
            self.find("INCOMPLETE", "the log stops before its end")
        elif signature is None:
            self.find("INCOMPLETE", "no final signature")
        else:
            try:
                text = signature.decode()
            except UnicodeError:
                raise Bad("the final signature is not text") from None
            try:
                if check_signature(text, LOG_ROLE, hashlib.sha256(last.data).digest(), b"sha256") != last.identity:
                    raise Bad("the final signature is by another key")
            except Unchecked as why:
                self.find("UNTRUSTED", str(why))

    def check_identity(self):
        for segment in self.segments:
            if segment.opening is None:
                continue
            owner = self.run.trust.owner(segment.identity, LOG_ROLE, segment.opening["t"])
            if owner is None:
                self.find("UNTRUSTED", f"whoever opened {segment_file(segment.number)} is not trusted")
            else:
                self.drivers.append((segment.number, segment.identity, owner))

    def check_approvals(self):
        hearing = Hearing(self)
        for record, head in self.people:
            try:
                hearing.take(record, head)
            except Untrusted as why:
                self.find("UNTRUSTED", str(why))

    def check_files(self):
        for file, (length, digest, closed) in self.claims.items():
            data = self.run.read(file)
            if data is None or len(data) < length or sha256(data[:length]) != digest:
                raise Bad(f"{file} is missing, shorter or altered")
            if closed and len(data) > length:
                raise Bad(f"{file} is longer than it was sealed")

    def check_heads(self):
        known = {head for segment in self.segments for head in segment.heads}
        if not set(self.run.heads) <= known:
            raise Bad("somebody kept a head that this log does not have")

    def opening(self):
        return self.segments[0].opening if self.segments else None

    def plan_sum(self, number):
        """The plan that is followed in a segment: the last one a resumption turned to, or that of the first record."""
        followed = (self.opening() or {}).get("plan_sha256")
        for segment in self.segments[:number]:
            changed = (segment.opening or {}).get("changed")
            plan = changed.get("plan") if isinstance(changed, dict) else None
            turned = plan.get("sha256") if isinstance(plan, dict) else None
            followed = turned if isinstance(turned, str) else followed
        return followed if is_sum(followed) else "0" * 64

    def check_plan(self):
        said, plan = (self.opening() or {}).get("plan_sha256"), self.run.read("plan.json")
        if isinstance(said, str) and (plan is not None or self.run.whole) and said != sha256(plan or b""):
            raise Bad("another plan")


# --- Where runs come from ------------------------------------------------------------------------------------------

class Bundle:
    """A run in memory. Names with a question mark are not files: ?trust, ?revoked, ?run and ?heads."""

    # Its plan may be left out.
    whole = False

    def __init__(self, data):
        self.files = {}
        reader = Strings(data)
        while reader.data:
            name = reader.string().decode()
            self.files[name] = reader.string()
        self.trust = trust_store(self.files.pop("?trust"), self.files.pop("?revoked", b""))
        self.expected = self.files.pop("?run", b"").decode() or None
        heads = self.files.pop("?heads", b"").decode().split("\n")
        self.heads = [(int(s), int(b), digest) for s, b, digest in (line.split(" ") for line in heads if line)]

    def names(self):
        return self.files.keys()

    def read(self, name):
        return self.files.get(name)


@functools.lru_cache(maxsize=100)
def trust_store(text, revoked):
    return TrustStore(text.decode(), revoked)


class Directory:
    """A run directory. No link is followed and only regular files count."""

    whole = True

    def __init__(self, path, signers, revoked=os.devnull):
        self.path = path
        with open(signers, encoding="utf-8") as trusted, open(revoked, "rb") as distrusted:
            self.trust = TrustStore(trusted.read(), distrusted.read())
        name = os.path.basename(os.path.abspath(path))
        self.expected = name if is_run(name) else None
        self.heads = []

    def names(self):
        return os.listdir(self.path)

    def read(self, name):
        path = self.path
        for part in name.split("/"):
            path = os.path.join(path, part)
            try:
                mode = os.lstat(path).st_mode
            except FileNotFoundError:
                return None
            if stat.S_ISLNK(mode):
                return None
        if not stat.S_ISREG(mode):
            return None
        with open(path, "rb") as file:
            return file.read()


def serve(source, sink):
    """Each bundle: its length (4 bytes, big endian), then name and contents of each file, each with its length before it.
    Each answer: the verdict, a tab, why."""
    while head := source.read(4):
        data = source.read(struct.unpack(">I", head)[0])
        try:
            bundle = Bundle(data)
        except Bad as error:
            verdict, why = "NO TRUST STORE", [str(error)]
        else:
            verdict, why = Case(bundle).judge()
        sink.write(f"{verdict}\t{'; '.join(why)}\n".encode())
        sink.flush()


def main(arguments):
    if arguments == ["--bundles"]:
        serve(sys.stdin.buffer, sys.stdout.buffer)
        return 0
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    verdict, why = Case(Directory(*arguments)).judge()
    print(verdict)
    for line in why:
        print("  " + line.encode("unicode_escape").decode())
    return 0 if verdict == "COMPLETE" else 9


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
