"""https_server.py CERTIFICATE KEY FOLDER - serves what a client must be able to read: files with a
length or in chunks, parts of files, redirects, answers that end early. Port 443, and 80 without
TLS.
"""
import http.server
import pathlib
import re
import ssl
import sys
import threading

CERTIFICATE, KEY, FOLDER = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def send_head(self, status, length=None, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace('_', '-'), value)
        if length is not None:
            self.send_header('Content-Length', str(length))
        self.end_headers()

    def send_file(self, data):
        part = re.fullmatch(r'bytes=(\d+)-(\d+)', self.headers.get('Range', ''))
        if part:
            first, last = int(part[1]), int(part[2])
            self.send_head(206, last - first + 1, Content_Range=f'bytes {first}-{last}/{len(data)}')
            data = data[first:last + 1]
        else:
            self.send_head(200, len(data))
        self.wfile.write(data)

    def send_chunks(self, data):
        self.send_head(200, Transfer_Encoding='chunked')
        for at in range(0, len(data), 10007):
            piece = data[at:at + 10007]
            self.wfile.write(b'%x\r\n%s\r\n' % (len(piece), piece))
        self.wfile.write(b'0\r\n\r\n')

    def do_GET(self):
        name = self.path.rsplit('/', 1)[-1]
        file = pathlib.Path(FOLDER) / name
        if self.path.startswith('/chunked/'):
            self.send_chunks(file.read_bytes())
        elif self.path.startswith('/short/'):
            self.send_head(200, file.stat().st_size + 1)
            self.wfile.write(file.read_bytes())
            self.close_connection = True
        elif self.path.startswith('/moved/'):
            self.send_head(302, 0, Location=f'../{name}?from=/../{name}')
        elif self.path == '/loop':
            self.send_head(301, 0, Location='/loop')
        elif self.path == '/down':
            self.send_head(301, 0, Location='http://host.example/file')
        elif self.path == '/up':
            self.send_head(308, 0, Location='https://host.example/file')
        elif self.path == '/nowhere':
            self.send_head(301, 0, Location='gopher://host.example/')
        elif (pathlib.Path(FOLDER) / name.split('?')[0]).is_file():
            self.send_file((pathlib.Path(FOLDER) / name.split('?')[0]).read_bytes())
        else:
            self.send_head(404, 0)


def serve(port, context):
    server = http.server.ThreadingHTTPServer(('', port), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
threading.Thread(target=serve, args=(80, None), daemon=True).start()
serve(443, context)
