"""links.py - what TCP makes of bad links: mnet beside the Linux kernel.

Run by bench_links.sh. There are four ends, each in a network namespace of its own: a sender and a
receiver of the kernel, and a sender and a receiver that are processes with mnet. link_relay joins
them. For each link and each seed the receiver of one reads for a time from the sender of the other:
mnet to Linux, Linux to mnet, Linux to Linux, one after the other, and what it got is its goodput.
Segments are of MTU size everywhere: a TAP interface without vnet_hdr takes no others from the
kernel, and mnet runs without segmentation and checksum offload.

Prints a line `name value unit reference ratio` for each link and direction: Mbit/s, medians over
the seeds, the reference is Linux to Linux. Then, for links that two flows share, what the flow of
mnet has beside that of Linux, and Jain's index beside that of two flows of Linux.
"""
import argparse
import os
import pathlib
import queue
import re
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get('MNET_RELEASE', ROOT / 'build/bench'))

ADDRESSES = {'linux_sender': '10.0.0.1', 'linux_receiver': '10.0.0.2', 'mnet_sender': '10.0.0.3', 'mnet_receiver': '10.0.0.4'}
# A connection learns nothing from those before it. The kernel's buffers are left as they are.
SYSCTLS = {'net.ipv4.tcp_no_metrics_save': '1', 'net.ipv6.conf.all.disable_ipv6': '1'}
SHOWN = ('net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem', 'net.ipv4.tcp_sack', 'net.ipv4.tcp_recovery',
         'net.ipv4.tcp_timestamps', 'net.ipv4.tcp_ecn')
KINDS = {'from_mnet': ('mnet_sender', 'linux_receiver'), 'to_mnet': ('linux_sender', 'mnet_receiver'),
         'linux': ('linux_sender', 'linux_receiver')}
PORT = '20'  # where the peers send without end


def link(mbit, rtt_ms, queue=None, **more):
    """A link; the queue is of one bandwidth-delay product (at least of 30 kB) where nothing else is
    said."""
    bdp = int(mbit * 1e6 / 8 * rtt_ms / 1e3)
    return {'rate': int(mbit * 1e6), 'delay': rtt_ms * 500, 'queue': queue or max(bdp, 30000), **more}


def links():
    """Name -> keys of link_relay."""
    made = {}
    for mbit in (10, 100):
        for rtt in (20, 100):
            for loss in (0, 0.1, 1, 3, 5):
                made[f'{mbit}M_{rtt}ms_{loss:g}%'] = link(mbit, rtt, loss=int(loss * 10000))
    made['reorder'] = link(20, 40, reorder=10000, reorder_by=5000)
    made['reorder_far'] = link(20, 40, reorder=20000, reorder_by=30000)
    made['duplicate'] = link(20, 40, duplicate=20000)
    made['burst_loss'] = link(20, 40, burst_enter=1000, burst_leave=250000, burst_loss=500000)
    made['ack_loss'] = link(20, 40, ack_loss=200000)
    made['jitter'] = link(20, 40, jitter=10000)
    made['bufferbloat'] = link(10, 20, queue=1000000)
    made['shallow'] = link(50, 40, queue=30000)
    return made


def shared_links():
    """Links for two flows at once."""
    return {'share_10M_20ms': link(10, 20), 'share_20M_40ms': link(20, 40), 'share_20M_40ms_3BDP': link(20, 40, queue=300000),
            'share_50M_100ms': link(50, 100)}


QUICK = ('10M_20ms_0%', '10M_100ms_1%', '100M_20ms_0.1%', '100M_100ms_0%', '10M_20ms_5%', 'reorder', 'ack_loss', 'bufferbloat',
         'share_20M_40ms')


def urgent():
    """What makes a program be run before all others, where that is allowed: a busy machine is no
    part of the link."""
    command = ['chrt', '--fifo', '1']
    allowed = subprocess.run([*command, 'true'], capture_output=True, check=False).returncode == 0
    return command if allowed else []


class Site:
    """Four ends and a relay."""

    def __init__(self):
        self.processes = []
        self.urgent = urgent()
        self.holders = {name: self.start(['unshare', '--net', 'sleep', 'infinity']) for name in ADDRESSES}
        time.sleep(0.3)
        for name in ADDRESSES:
            self.furnish(name)
        ends = [f'{name.split("_")[1]}:{"packet" if name.startswith("mnet") else "tap"}:{holder.pid}:tap0'
                for name, holder in self.holders.items()]
        self.relay = self.start([BUILD / 'bench/link_relay', *ends], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.start(self.inside('linux_sender', *self.urgent, BUILD / 'tests/linux_peer', 'serve', 'cubic'))
        self.start(self.inside('mnet_sender', *self.urgent, *self.mnet_peer('mnet_sender'), 'serve'), stdout=subprocess.DEVNULL)
        self.mnet_receiver = self.start(self.inside('mnet_receiver', *self.urgent, *self.mnet_peer('mnet_receiver'), 'drain'),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(2)  # until all interfaces work

    def start(self, command, **options):
        process = subprocess.Popen(command, **options)
        self.processes.append(process)
        return process

    def inside(self, name, *command):
        return ['nsenter', '--target', str(self.holders[name].pid), '--net', *map(str, command)]

    def run(self, name, *command):
        return subprocess.run(self.inside(name, *command), check=True, capture_output=True, text=True).stdout

    def furnish(self, name):
        for key, value in SYSCTLS.items():
            self.run(name, 'sysctl', '-qw', f'{key}={value}')
        self.run(name, 'ip', 'tuntap', 'add', 'dev', 'tap0', 'mode', 'tap')
        if name.startswith('linux'):
            self.run(name, 'ip', 'addr', 'add', f'{ADDRESSES[name]}/24', 'dev', 'tap0')
        self.run(name, 'ip', 'link', 'set', 'tap0', 'up')

    @staticmethod
    def mnet_peer(name):
        return (BUILD / 'tests/mnet_peer', '--net:service=tap0', f'--ipv4={ADDRESSES[name]}/24', '--no-ipv6', '--no-checksum-offload',
                '--no-segmentation-offload')

    def set_link(self, keys):
        self.tell(' '.join(f'{key}={value}' for key, value in keys.items()))

    def tell(self, line):
        self.relay.stdin.write(line + '\n')
        self.relay.stdin.flush()
        return self.relay.stdout.readline().split()

    def drain(self, sender, receiver, seconds):
        """The bytes that the receiver gets in this time."""
        what = ADDRESSES[sender], PORT, str(int(seconds * 1000))
        if receiver == 'linux_receiver':
            answer = self.run(receiver, *self.urgent, BUILD / 'tests/linux_peer', 'drain', *what)
        else:
            self.mnet_receiver.stdin.write(' '.join(what) + '\n')
            self.mnet_receiver.stdin.flush()
            answer = self.mnet_receiver.stdout.readline()
        return int(re.search(r'(\d+) bytes', answer).group(1))

    def goodput(self, kind, keys, seconds, capture=None):
        """Mbit/s, and what the relay counted: frames sent, lost, dropped by the queue."""
        sender, receiver = KINDS[kind]
        self.set_link(keys)
        if capture:
            recorder = self.start(self.inside(sender, 'dumpcap', '-q', '-s', '128', '-i', 'tap0', '-w', capture), stderr=subprocess.DEVNULL)
            time.sleep(1)
        received = self.drain(sender, receiver, seconds)
        counts = [int(word) for word in self.tell('')]
        time.sleep(0.1)
        if capture:
            recorder.terminate()
            recorder.wait()
        return received * 8 / seconds / 1e6, counts

    def share(self, senders, keys, seconds):
        """Mbit/s of each of two flows to the same receiver, beginning together."""
        self.set_link(keys)
        readers = [self.start(self.inside('linux_receiver', *self.urgent, BUILD / 'tests/linux_peer', 'drain', ADDRESSES[sender], PORT,
                                          int(seconds * 1000)), stdout=subprocess.PIPE, text=True) for sender in senders]
        answers = [reader.communicate()[0] for reader in readers]
        time.sleep(0.1)
        return [int(re.search(r'(\d+) bytes', answer).group(1)) * 8 / seconds / 1e6 for answer in answers]

    def shown(self):
        return [f'{name} = {" ".join(self.run("linux_sender", "sysctl", "-n", name).split())}' for name in SHOWN]

    def close(self):
        for process in reversed(self.processes):
            process.kill()


def measure_share(site, name, keys, seed, results, options):
    """The flow of mnet comes first; two flows of Linux, either."""
    for kind, first in (('mixed', 'mnet_sender'), ('pure', 'linux_sender')):
        pair = site.share((first, 'linux_sender'), {'seed': seed, **keys}, 2 * options.seconds)
        results.setdefault((name, kind), []).append(pair)
        if options.verbose:
            print(f'# {name} seed {seed} {kind}: {pair[0]:.2f} and {pair[1]:.2f} Mbit/s', file=sys.stderr, flush=True)


def work(site, jobs, results, options):
    while True:
        try:
            name, keys, seed = jobs.get_nowait()
        except queue.Empty:
            return
        if name in shared_links():
            measure_share(site, name, keys, seed, results, options)
            continue
        # Each kind comes first as often as the others.
        order = list(KINDS)
        order = order[seed % 3:] + order[:seed % 3]
        for kind in order:
            value, counts = site.goodput(kind, {'seed': seed, **keys}, options.seconds,
                                         options.capture and f'{options.capture}/{name}_{seed}_{kind}.pcapng')
            results.setdefault((name, kind), []).append(value)
            if options.verbose:
                print(f'# {name} seed {seed} {kind}: {value:.2f} Mbit/s, frames {counts}', file=sys.stderr, flush=True)


def measure(wanted, options):
    results = {}
    jobs = queue.Queue()
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name, keys in wanted.items():
            jobs.put((name, keys, seed))
    sites = [Site() for _ in range(options.parallel)]
    threads = [threading.Thread(target=work, args=(site, jobs, results, options)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown = sites[0].shown()
    for site in sites:
        site.close()
    return results, shown


def jain(pairs):
    """The median of Jain's index: 1 where both have the same, 0.5 where one has everything."""
    return statistics.median((a + b) ** 2 / (2 * (a * a + b * b)) for a, b in pairs)


def lines(results, wanted):
    """name, direction, value, reference, ratio."""
    for name in wanted:
        if name in shared_links():
            continue
        reference = statistics.median(results[name, 'linux'])
        for kind in ('from_mnet', 'to_mnet'):
            value = statistics.median(results[name, kind])
            yield name, kind, value, reference, value / reference if reference else 0


def shares(results, wanted):
    """name, goodput of mnet's flow and of that of Linux beside it, Jain's index of the two, and of
    two flows of Linux."""
    for name in wanted:
        if name in shared_links():
            mixed = results[name, 'mixed']
            yield (name, statistics.median(a for a, _ in mixed), statistics.median(b for _, b in mixed), jain(mixed),
                   jain(results[name, 'pure']))


def table(results, wanted, shown, options):
    """The same for people: medians, with the smallest and the largest of the seeds."""
    def cell(name, kind):
        values = results[name, kind]
        return f'{statistics.median(values):.2f} ({min(values):.2f} … {max(values):.2f})'

    yield f'{options.seeds} seeds, {options.seconds:g} s each. Linux {os.uname().release}: ' + '; '.join(shown)
    yield ''
    yield '| link | mnet → Linux, Mbit/s | Linux → mnet | Linux → Linux | ratio from mnet | ratio to mnet |'
    yield '| --- | --- | --- | --- | --- | --- |'
    ratios = {(name, kind): ratio for name, kind, _, _, ratio in lines(results, wanted)}
    for name in (name for name, kind in ratios if kind == 'to_mnet'):
        yield '| ' + ' | '.join([name.replace('_', ' '), cell(name, 'from_mnet'), cell(name, 'to_mnet'), cell(name, 'linux'),
                                 f'{ratios[name, "from_mnet"]:.2f}', f'{ratios[name, "to_mnet"]:.2f}']) + ' |'
    yield ''
    for kind, words in (('from_mnet', 'from mnet'), ('to_mnet', 'to mnet')):
        these = [ratio for (_, k), ratio in ratios.items() if k == kind]
        yield f'Median ratio {words}: {statistics.median(these):.2f}, smallest {min(these):.2f}.'
    yield ''
    yield '| two flows share | mnet, Mbit/s | Linux beside it | ratio | fairness | of two of Linux |'
    yield '| --- | --- | --- | --- | --- | --- |'
    for name, ours, theirs, mixed, pure in shares(results, wanted):
        yield f'| {name.replace("_", " ")} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} | {mixed:.3f} | {pure:.3f} |'


def main():
    full = os.environ.get('LINKS') == 'full'
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('names', nargs='*', help='links, all by default')
    parser.add_argument('--seeds', type=int, default=5 if full else 1)
    parser.add_argument('--first-seed', type=int, default=1)
    parser.add_argument('--seconds', type=float, default=8 if full else 4)
    parser.add_argument('--parallel', type=int, default=4)
    parser.add_argument('--capture', metavar='FOLDER', help='record what the sender sees (needs dumpcap)')
    parser.add_argument('--verbose', action='store_true')
    options = parser.parse_args()
    every = links() | shared_links()
    wanted = {name: every[name] for name in options.names or (every if full else QUICK)}
    results, shown = measure(wanted, options)
    for name, kind, value, reference, ratio in lines(results, wanted):
        print(f'links_{name}_{kind} {value:.2f} Mbit/s {reference:.2f} {ratio:.2f}')
    for name, ours, theirs, mixed, pure in shares(results, wanted):
        print(f'links_{name}_mnet {ours:.2f} Mbit/s {theirs:.2f} {ours / theirs:.2f}')
        print(f'links_{name}_fairness {mixed:.3f} Jain {pure:.3f} {mixed / pure:.2f}')
    if os.environ.get('LINKS_TABLE'):
        pathlib.Path(os.environ['LINKS_TABLE']).write_text('\n'.join(table(results, wanted, shown, options)) + '\n', encoding='utf-8')


main()
