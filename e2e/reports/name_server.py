"""A name server of a few lines: every name has the address 127.0.0.1, and some have text records."""
import socket
import struct
import threading


class NameServer:
    def __init__(self, port):
        self.texts = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            try:
                self.socket.sendto(self.answer(query), client)
            except (IndexError, struct.error):
                pass

    def answer(self, query):
        """RFC 1035, section 4: one question, and the records that answer it."""
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        question = query[12:at + 5]
        data = None
        if kind == 1:
            data = bytes([127, 0, 0, 1])
        elif kind == 16 and (text := self.texts.get(".".join(labels))):
            data = bytes([len(text)]) + text.encode()
        record = b"" if data is None else b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 1, len(data)) + data
        return query[:2] + struct.pack(">HHHHH", 0x8180, 1, data is not None, 0, 0) + question + record
