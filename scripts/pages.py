#!/usr/bin/env python3
"""pages.py FOLDER [ARCHIVE DEPENDENCIES] - writes the documentation as plain pages, and an index,
into a folder. ARCHIVE is an assembly file that contains the pages, for programs that must bring
their files along. DEPENDENCIES lists its sources, for the build.

As a module it has make_site, for the demonstrations, and fetch, which compares the answers of a
server with the files.
"""
import hashlib
import html
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = '''<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><link rel="stylesheet" href="style.css"></head>
<body>{body}</body></html>
'''
STYLE = 'body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font-family: sans-serif }\npre { white-space: pre-wrap }\n'


def sources():
    return [path for path in (ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md')))
            if path.exists()]


def make_site(site):
    """Writes the pages into a folder, and nothing else is in it then. Returns their names."""
    site.mkdir(parents=True, exist_ok=True)
    for old in site.iterdir():
        old.unlink()
    links = []
    for source in sources():
        text = source.read_text()
        title = next((line[2:] for line in text.splitlines() if line.startswith('# ')), source.stem)
        body = f'<p><a href="./">mnet</a></p><pre>{html.escape(text)}</pre>'
        (site / f'{source.stem}.html').write_text(PAGE.format(title=html.escape(title), body=body))
        links.append(f'<li><a href="{source.stem}.html">{html.escape(title)}</a></li>')
    body = '<h1>mnet</h1><p>Served by mnet\'s own TCP.</p><ul>' + '\n'.join(links) + '</ul>'
    (site / 'index.html').write_text(PAGE.format(title='mnet', body=body))
    (site / 'style.css').write_text(STYLE)
    return sorted(path.name for path in site.iterdir())


def write_archive(site, archive):
    """The assembly file that examples/httpd/files_archive.c is linked with."""
    lines = ['    .section .rodata, "a", %progbits']
    entries = []
    for number, path in enumerate(sorted(site.iterdir())):
        tag = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        lines += [f'bytes_{number}: .incbin "{path.resolve()}"', f'end_{number}:', f'path_{number}: .asciz "{path.name}"',
                  f'etag_{number}: .asciz "\\"{tag}\\""']
        entries.append(f'    .quad path_{number}, etag_{number}, bytes_{number}, end_{number} - bytes_{number}')
    lines += ['    .balign 8', '    .globl httpd_archive', 'httpd_archive:', *entries,
              '    .globl httpd_archive_count', 'httpd_archive_count:', f'    .quad {len(entries)}',
              '    .section .note.GNU-stack, "", %progbits']
    archive.write_text('\n'.join(lines) + '\n')


def fetch(address, page, site):
    """Fetches a page with curl and compares it. Prints one line; returns whether all was well."""
    result = subprocess.run(['curl', '--silent', '--show-error', '--globoff', '--noproxy', '*', '--max-time', '20', '--output', '-', '--write-out',
                             '%{stderr}%{http_code} %{size_download} %{time_total}', f'http://{address}/{page}'],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    words = result.stderr.decode(errors='replace').split()
    same = result.stdout == (site / (page or 'index.html')).read_bytes()
    well = result.returncode == 0 and same and words[:1] == ['200']
    if result.returncode == 0 and len(words) == 3:
        print(f'  {words[0]}  {int(words[1]):8d} bytes  {float(words[2]) * 1000:8.2f} ms  http://{address}/{page}'
              + ('' if same else '  DIFFERS from the file'))
    else:
        print(f'  curl: {" ".join(words)}')
    return well


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit('usage: pages.py FOLDER [ARCHIVE DEPENDENCIES]')
    site = pathlib.Path(sys.argv[1])
    make_site(site)
    if len(sys.argv) == 4:
        write_archive(site, pathlib.Path(sys.argv[2]))
        made_from = ' '.join(str(path).replace(' ', '\\ ') for path in [pathlib.Path(__file__).resolve(), *sources()])
        pathlib.Path(sys.argv[3]).write_text(f'{pathlib.Path(sys.argv[2]).name}: {made_from}\n')


if __name__ == '__main__':
    main()
