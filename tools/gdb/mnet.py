"""Tasks for gdb: `gdb -x tools/gdb/mnet.py PROGRAM ...`, or `source tools/gdb/mnet.py` in a running
gdb.

    mnet tasks        every task: number, name, state, where it is, and until when it waits at most
    mnet bt [NUMBER]  the backtrace of one task, or of all

Works on processes, and on virtual machines through QEMU's gdb server; on core files `mnet tasks`
alone does. `mnet bt` of a suspended task sets the registers for a moment, so it needs a target that
stands still. x86-64 only.
"""
import gdb

STATES = ('runnable', 'waiting', 'ended')
WORD = 8
# What a suspended context holds, from its lowest address on: see src/task/switch_x86_64.S.
SAVED = ('r15', 'r14', 'r13', 'r12', 'rbx', 'rbp', 'rip')


def field(struct, value, name):
    """The value of a field of the structure that a pointer points to."""
    return value.cast(gdb.lookup_type(struct).pointer())[name]


def container(link, struct, member):
    """The structure that a node of a list is a member of."""
    offset = gdb.lookup_type(struct)[member].bitpos // 8
    return gdb.Value(int(link) - offset).cast(gdb.lookup_type(struct).pointer())


def members(head, struct, member):
    """What is in a list with a head node."""
    link = head['next']
    while int(link) not in (0, int(head.address)):
        yield container(link, struct, member)
        link = link['next']


def scheduler():
    """The scheduler of the selected thread."""
    here = gdb.parse_and_eval('mn_scheduler_here')
    if int(here) == 0:
        raise gdb.GdbError('there is no scheduler in this thread')
    return here.dereference()


def all_tasks(task, depth=0):
    """A task and its children, with their depth in the tree."""
    yield task, depth
    for child in members(task['children'], 'struct mnet_task', 'sibling'):
        yield from all_tasks(child, depth + 1)


def numbered():
    return list(enumerate(all_tasks(scheduler()['first'])))


def is_running(task):
    return int(scheduler()['running']) == int(task)


def saved_registers(task):
    """The registers of a suspended task."""
    context = int(task['context'])
    words = gdb.selected_inferior().read_memory(context, WORD * len(SAVED))
    values = {name: int.from_bytes(bytes(words[i * WORD:(i + 1) * WORD]), 'little') for i, name in enumerate(SAVED)}
    values['rsp'] = context + WORD * len(SAVED)
    return values


class Registers:
    """The registers of another task, for as long as the block lasts."""

    def __init__(self, values):
        self.values = values

    def __enter__(self):
        gdb.newest_frame().select()
        self.kept = {name: int(gdb.parse_and_eval(f'(unsigned long)${name}')) for name in self.values}
        self.load(self.values)

    def __exit__(self, *_):
        gdb.newest_frame().select()
        self.load(self.kept)

    @staticmethod
    def load(values):
        for name, value in values.items():
            gdb.execute(f'set ${name} = {value:#x}', to_string=True)


def frames(task):
    """The names of the functions of a task, innermost first."""
    def walk():
        frame = gdb.newest_frame()
        while frame is not None:
            yield frame.name() or '?'
            frame = frame.older()
    if is_running(task):
        return list(walk())
    with Registers(saved_registers(task)):
        return list(walk())


def place(task):
    """The call of mnet's that a task is in, or else its innermost function."""
    try:
        names = frames(task)
    except gdb.error:  # a core file: its registers can't be set
        return f'at {saved_registers(task)["rip"]:#x}'
    return 'in ' + next((name for name in names if name.startswith('mnet_')), names[0])


def waits(task):
    if STATES[int(task['state'])] != 'waiting':
        return ''
    if int(task['timer']['link']['next']) == 0:
        return ', for ever'
    left = int(task['timer']['at_ns']) - int(scheduler()['now'])
    return f', for {left / 1e9:.3f} s at most'


class Mnet(gdb.Command):
    """Commands about a program on mnet: mnet tasks, mnet bt."""

    def __init__(self):
        super().__init__('mnet', gdb.COMMAND_STACK, prefix=True)


class Tasks(gdb.Command):
    """mnet tasks: every task of this thread's scheduler, children below their parents."""

    def __init__(self):
        super().__init__('mnet tasks', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        for number, (task, depth) in numbered():
            state = 'running' if is_running(task) else STATES[int(task['state'])]
            where = '' if state == 'ended' else ' ' + place(task)
            cancelled = ', cancelled' if task['cancelled'] else ''
            print(f'{number:4} {"  " * depth}{task["name"].string()}: {state}{where}{waits(task)}{cancelled}')


class Backtrace(gdb.Command):
    """mnet bt [NUMBER]: the backtrace of one task, or of all. The numbers are those of `mnet
    tasks`."""

    def __init__(self):
        super().__init__('mnet bt', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        tasks = numbered()
        if argument and not (argument.isdigit() and int(argument) < len(tasks)):
            raise gdb.GdbError(f'there is no task {argument}; `mnet tasks` lists them')
        for number, (task, _) in tasks:
            if argument and number != int(argument) or STATES[int(task['state'])] == 'ended':
                continue
            print(f'task {number}, {task["name"].string()}:')
            if is_running(task):
                gdb.execute('bt')
            else:
                with Registers(saved_registers(task)):
                    gdb.execute('bt')


Mnet()
Tasks()
Backtrace()
