"""What record.c wrote, and a disk that knows what of it would survive a power cut.

    recording = Recording(path)             # .entries: list of Entry, marks among them
    disk = Disk()
    for entry in recording.entries:
        disk.apply(entry)
    files = disk.crash(dice)                # {relative path: bytes}, one of the many possible
"""

import collections
import struct

HEAD = struct.Struct("<IIIIQQQ")
MAGIC = 0x504F5354
(MAKE, WRITE, CUT, GROW, SYNC, MKDIR, SYNC_DIR, UNLINK, RENAME, MAP, STRANGE, DURABLE_WRITE,
 MARK) = range(1, 14)
SECTOR = 512
# LMDB writes its table of readers through memory, and makes it anew at each opening.
MAPPED = ("lock.mdb",)

# Inode: of a file made while recording, a number that no other has: the filesystem's own it gives
# again once a file is gone.
Entry = collections.namedtuple("Entry", "op inode offset size path data")


def mark(log, text):
    """Appends a mark of the test's own to the log: TEXT was acknowledged."""
    data = text.encode()
    log.write(HEAD.pack(MAGIC, MARK, 0, len(data), 0, 0, len(data)) + data)


class Recording:
    def __init__(self, path):
        data, at, self.entries, made = path.read_bytes(), 0, [], {}
        while at < len(data):
            magic, op, path_len, data_len, inode, offset, size = HEAD.unpack_from(data, at)
            assert magic == MAGIC, f"the log is damaged at {at}"
            at += HEAD.size
            name, at = data[at:at + path_len].decode(), at + path_len
            body, at = data[at:at + data_len], at + data_len
            if op in (MAKE, MKDIR):
                made[inode] = -1 - len(self.entries)
            self.entries.append(Entry(op, made.get(inode, inode), offset, size, name, body))
        self.names = {e.inode: e.path for e in self.entries if e.op in (MAKE, MKDIR)}
        self.check()

    def check(self):
        """Nothing may have gone past the recorder."""
        strange = [e for e in self.entries if e.op == STRANGE]
        assert not strange, f"the recorder cannot describe {strange[:3]}"
        mapped = {self.names.get(e.inode, "") for e in self.entries if e.op == MAP}
        mapped = {name for name in mapped if not name.endswith(MAPPED)}
        assert not mapped, f"written through memory, which nobody sees: {mapped}"


class File:
    """Bytes that are durable, and what was done since the last sync."""

    def __init__(self):
        self.durable, self.pending = bytearray(), []

    @staticmethod
    def do(content, entry, keep=None):
        """Carries ENTRY out; of a write only the sectors that KEEP () lets through."""
        if entry.op == CUT:
            del content[entry.offset:]
            content.extend(bytes(entry.offset - len(content)))
            return
        end = entry.offset + entry.size
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        if entry.op == GROW:
            return
        if keep is None:
            content[entry.offset:end] = entry.data
            return
        at = entry.offset
        while at < end:
            stop = min(end, (at // SECTOR + 1) * SECTOR)
            if keep():
                content[at:stop] = entry.data[at - entry.offset:stop - entry.offset]
            at = stop

    def sync(self):
        for entry in self.pending:
            self.do(self.durable, entry)
        self.pending = []

    def write_durably(self, entry):
        """O_DSYNC: these bytes are on the disk. Others that wait still do; where they are older
        bytes of the same place, these stand there in their stead."""
        self.pending = [self.overlaid(p, entry) for p in self.pending]
        self.do(self.durable, entry)

    @staticmethod
    def overlaid(old, new):
        start, end = max(old.offset, new.offset), min(old.offset + old.size, new.offset + new.size)
        if old.op != WRITE or start >= end:
            return old
        data = bytearray(old.data)
        data[start - old.offset:end - old.offset] = new.data[start - new.offset:end - new.offset]
        return old._replace(data=bytes(data))

    @property
    def content(self):
        made = bytearray(self.durable)
        for entry in self.pending:
            self.do(made, entry)
        return bytes(made)

    def crash(self, chance, torn, dice):
        """Of what waits each piece gets to the disk with this chance, whole or some sectors."""
        made = bytearray(self.durable)
        for entry in self.pending:
            if dice.random() < chance:
                keep = (lambda: dice.random() < 0.5) if torn and dice.random() < 0.5 else None
                self.do(made, entry, keep)
        if torn and len(made) > len(self.durable) and dice.random() < 0.3:
            del made[dice.randint(len(self.durable), len(made)):]  # its size was not there yet
        return bytes(made)


def parent(path):
    return path.rpartition("/")[0]


class Disk:
    """Directories hold names: durable ones, and changes of them that wait for a sync."""

    def __init__(self):
        self.files = {}                             # inode -> File
        self.names = {}                             # path -> inode, as programs see it
        self.durable = {}                           # the same, as a power cut would leave it
        self.waiting = collections.defaultdict(list)  # directory -> [(path, inode or None), …]
        self.directories = {}                       # inode -> path

    def _rename(self, path, inode):
        """Inode None: the name goes."""
        if inode is None:
            self.names.pop(path, None)
        else:
            self.names[path] = inode
        self.waiting[parent(path)].append((path, inode))

    def apply(self, entry):
        op = entry.op
        if op == MAKE:
            self.files[entry.inode] = File()
            self._rename(entry.path, entry.inode)
        elif op == MKDIR:
            self.directories[entry.inode] = entry.path
            self._rename(entry.path, entry.inode)
        elif op == SYNC_DIR:
            self._sync_names(self.directories.get(entry.inode, ""))
        elif op == UNLINK:
            self._rename(entry.path, None)
        elif op == RENAME:
            inode = self.names[entry.path]
            self._rename(entry.path, None)
            self._rename(entry.data.decode(), inode)
        elif op == SYNC:
            self.files[entry.inode].sync()
        elif op == DURABLE_WRITE:
            self.files[entry.inode].write_durably(entry)
        elif op in (WRITE, CUT, GROW):
            self.files[entry.inode].pending.append(entry)

    def _sync_names(self, directory):
        for path, inode in self.waiting.pop(directory, ()):
            self._settle(self.durable, path, inode)

    @staticmethod
    def _settle(names, path, inode):
        if inode is None:
            names.pop(path, None)
        else:
            names[path] = inode

    def current(self):
        """{path: bytes} as programs see it now."""
        return {path: self.files[inode].content for path, inode in self.names.items()
                if inode in self.files}

    def crash(self, dice):
        """(names of directories, {path: bytes}) after a power cut now: nothing, all or some of what
        waits is there."""
        chance = dice.choice([0, 0, 1, 0.5, dice.random()])
        torn = dice.random() < 0.7
        names = dict(self.durable)
        for changes in self.waiting.values():
            for path, inode in changes:
                if dice.random() < chance:
                    self._settle(names, path, inode)
        places = [path for path, inode in names.items() if inode in self.directories]
        files = {path: self.files[inode].crash(chance, torn, dice)
                 for path, inode in names.items() if inode in self.files}
        # What lies in a directory that is not there is not there.
        there = {"", *places}
        return places, {path: data for path, data in files.items() if parent(path) in there}
