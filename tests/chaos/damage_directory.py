"""The directory's part of the damage campaign (damage.py): what is read of it when its data.mdb was changed after SIGKILL?

Each row of each table is read by check_rows, by a walk and by its key, a user is added, and all is
read again. Either the rows are what they were before the damage, each of them, or the start, the read
or the change is refused with the place named.
"""

FILES = ("data.mdb",)
PEOPLE = 12


def fill(ring):
    """What an installation has: a row of each kind, of some many, changed again and again."""
    owner = ring.user("keeper")
    for i in range(PEOPLE):
        user = ring.user(f"person{i}")
        ring.manage("token_edit", user.token_id, name=f"renamed {i}")
        ring.channel(f"room{i}", owner, [user])
    for i in range(3):
        ring.bot(f"bot{i}", owner)
        ring.manage("bot_handler_set", f"bot{i}", url=f"https://hooks.example.org/{i}")
        ring.extension(f"ext{i}", owner)
        ring.management_token(owner)
        ring.manage("user_invite", email=f"guest{i}@example.org")


class Directory:
    """What is damaged, opened and judged. An older file put back is as a backup that was restored:
    nobody can tell, so it is none of KINDS."""
    files, older, program = FILES, {"data.mdb": []}, ("check_rows",)

    def __init__(self, killed, kinds):
        data = killed.ring.dir / "data"
        self.kinds = kinds
        self.good = {"data.mdb": (data / "directory" / "data.mdb").read_bytes()}
        self.beside = {"master.key": (data / "master.key").read_bytes(),
                       "known/directory": (data.with_name("data-known") / "directory").read_bytes()}
        self.rows = None

    def lay(self, place, files):
        """Returns what the program is to open."""
        for path, content in {"directory/data.mdb": files["data.mdb"], **self.beside}.items():
            file = place / path
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.write_bytes(content)
            file.chmod(0o600)
        return place

    def silent(self, records, wrong):
        """What is wrong without a word; None when nothing is. The first case has no damage, and says
        which rows there are."""
        rounds = {"1": [], "2": []}
        for record in records:
            number, _, row = record.partition(" ")
            rounds.setdefault(number, []).append(row)
        first, second = rounds["1"], rounds["2"]
        if self.rows is None:
            self.rows = set(first)
        if wrong and (second or first):
            (second or first).pop()  # it may be half of one
        strange = [row for row in first if row not in self.rows]
        if strange or len(set(first)) != len(first):
            return f"read what was not stored: {strange[:2]}"
        missing = [] if wrong else sorted(self.rows - set(first)) + sorted(self.rows - set(second))
        return f"{len(missing)} missing in silence, as {missing[:2]}" if missing else None
