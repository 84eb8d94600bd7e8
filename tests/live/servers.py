#!/usr/bin/env python3
"""Servers for the tests of live capture: HTTP on 80, SMTP on 25, FTP on 21, all taking whatever they are sent. HTTPS on 443, where
FOLDER/../tls.pem holds a certificate with its key.

    servers.py ADDRESS FOLDER

Prints a line when it is ready: "ready", with "no ftp" behind it where pyftpdlib is not installed. Runs until it is ended.
"""
import http.server, logging, os, socketserver, ssl, sys, threading


class Upload(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def take(self):
        rest = int(self.headers.get("Content-Length", 0))
        while rest > 0:
            block = self.rfile.read(min(rest, 65536))
            if not block:
                return
            rest -= len(block)
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    do_POST = do_PUT = do_GET = take

    def handle_expect_100(self):
        self.send_response_only(100)
        self.end_headers()
        return True

    def log_message(self, *_):
        pass


class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: (self.wfile.write(text.encode() + b"\r\n"), self.wfile.flush())
        say("220 mx.example ESMTP")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"EHLO":
                say("250-mx.example\r\n250 8BITMIME")
            elif word == b"DATA":
                say("354 go on")
                while (text := self.rfile.readline()) not in (b".\r\n", b""):
                    pass
                say("250 taken")
            elif word == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    address, folder = sys.argv[1:]
    serve(Server((address, 80), Upload))
    serve(Server((address, 25), Mail))
    pem = os.path.join(os.path.dirname(os.path.abspath(folder)), "tls.pem")
    if os.path.exists(pem):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server = Server((address, 443), Upload)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serve(server)
    try:
        from pyftpdlib.authorizers import DummyAuthorizer
        from pyftpdlib.handlers import FTPHandler
        from pyftpdlib.servers import FTPServer
    except ImportError:
        print("ready, no ftp", flush=True)
        threading.Event().wait()
    logging.disable(logging.INFO)
    authorizer = DummyAuthorizer()
    authorizer.add_user("alice", "secret", folder, perm="elradfmwMT")
    FTPHandler.authorizer = authorizer
    FTPHandler.permit_foreign_addresses = True
    server = FTPServer((address, 21), FTPHandler)
    print("ready", flush=True)
    server.serve_forever()


main()
