"""What the page says to the server, in node, over sockets that do as they are told."""

from tests.distill.live.page.reading import in_node

SOCKETS = """
globalThis.document = { baseURI: "http://server.test/" };
globalThis.location = { search: "" };
globalThis.fetch = async () => new Response("<h1>503</h1>", { status: 503 });
const sockets = [];
globalThis.WebSocket = class {
  said = [];
  constructor() { sockets.push(this); }
  send(data) {
    if (!this.open) throw new Error("still connecting");
    this.said.push(typeof data === "string" ? JSON.parse(data) : data.length);
  }
  close() {}
};
const connected = (socket) => { socket.open = true; socket.onopen(); };
const answer = (socket, type) => socket.onmessage({ data: JSON.stringify({ type }) });
const { ServerModel } = await import("PAGE/src/model/server.js");
const model = new ServerModel({ name: "toy", fps: 30, stream: { per_frame: 2 } });
const told = [];
const listener = { onerror: (notice) => told.push(notice.message) };
const opened = model.open({ persona: "ann" }, 0, listener);
"""
READY = "connected(sockets[0]); answer(sockets[0], 'ready'); await opened;"


def run(script: str, result: str):
    return in_node(SOCKETS + script, result)


def said(messages):
    """What a server hears: the persona of headers, lengths of sound, types of other messages."""
    return [m if isinstance(m, int) else m.get("type", m.get("persona")) for m in messages]


def test_sound_and_end_wait_in_order_until_the_server_is_ready_again():
    script = f"""{READY}
    model.push(new Float32Array(1));
    model.dress({{ persona: "bob" }});
    model.push(new Float32Array(2));
    model.dress({{ persona: "eve" }});
    model.push(new Float32Array(3));
    connected(sockets[2]);
    model.push(new Float32Array(4));
    model.flush();
    answer(sockets[2], "ready");
    """
    heard = run(script, "sockets.map((socket) => socket.said)")
    assert [said(messages) for messages in heard] == [["ann", 1], [], ["eve", 2, 3, 4, "flush"]]


def test_another_persona_while_the_server_gets_ready_begins_the_stream_all_the_same():
    script = """
    model.dress({ persona: "bob" });
    connected(sockets[1]);
    answer(sockets[1], "ready");
    await opened;
    """
    assert said(run(script, "sockets[1].said")) == ["bob"]


def test_another_persona_after_the_end_of_the_sound_changes_nothing():
    script = f"""{READY}
    const ended = model.flush();
    model.dress({{ persona: "bob" }});
    answer(sockets[0], "end");
    await ended;
    """
    (heard,) = run(script, "sockets.map((socket) => socket.said)")
    assert said(heard) == ["ann", "flush"]


def test_a_refusal_that_a_balancer_explains_in_html_is_a_server_that_is_gone():
    script = "sockets[0].onclose({ code: 1006 }); await opened.catch(() => {});"
    (sentence,) = run(script, "told")
    assert "server is gone" in sentence
