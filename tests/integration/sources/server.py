"""A web server on loopback: server.py FOLDER PORT-FILE.  Prints one line for each request: status, path.

A file PATH.authorization beside a file is what the Authorization of a request must be; else the answer is 401.
A file PATH.status beside a file makes the answer that status; PATH.cut: the connection ends after so many bytes.
"""
import http.server
import os
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        path = self.translate_path(self.path)
        if os.path.exists(path + ".authorization"):
            with open(path + ".authorization", encoding="ascii") as file:
                wanted = file.read().strip()
            if self.headers["Authorization"] != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="x"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        if os.path.exists(path + ".status"):
            with open(path + ".status", encoding="ascii") as file:
                self.send_error(int(file.read()))
        elif os.path.exists(path + ".cut"):
            with open(path + ".cut", encoding="ascii") as file:
                limit = int(file.read())
            with open(path, "rb") as file:
                data = file.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:limit])
            self.close_connection = True
        else:
            super().do_GET()

    def log_request(self, code="-", size="-"):
        os.write(1, f"{int(code)} {self.path}\n".encode())  # print() writes in pieces, which threads would mix

    def log_message(self, *args):
        pass


def main():
    folder, port_file = sys.argv[1:]
    handler = lambda *args: Handler(*args, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        with open(port_file + ".new", "w", encoding="ascii") as file:
            file.write(str(server.server_address[1]))
        os.rename(port_file + ".new", port_file)
        server.serve_forever()


main()
