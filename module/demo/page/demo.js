import { ask, isRefusal, play } from './player.js';

const $ = (id) => document.getElementById(id);
const wish = new URLSearchParams(location.search).get('player'); // mse or native, for tests

const statusNames = {
	200: 'OK', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 425: 'Too Early',
	429: 'Too Many Requests', 500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable',
};
const statusName = (status) => `${status} ${statusNames[status] ?? ''}`.trim();

const words = {
	missing_token: () => 'There is no token. The address alone opens nothing.',
	malformed_token: () => 'What was sent is not a token.',
	unknown_key: () => 'The token was signed with a key that this gate does not know.',
	bad_signature: () => 'The signature does not fit: the token was changed or made up.',
	expired: (at) => (at ? `The token expired ${spell(at)}.` : 'The token has expired.'),
	not_yet_valid: () => 'The token is not valid yet.',
	lifetime: () => 'The token would live longer than this gate allows.',
	issuer: () => 'The token comes from an issuer that this gate does not trust.',
	revoked: () => 'The token was revoked.',
	wrong_org: () => 'The token belongs to another organisation.',
	wrong_stream: () => 'The token is for another stream.',
	wrong_ip: () => 'The token is bound to another address than yours.',
	wrong_referer: () => 'The token is bound to another site than the one that asks.',
	forbidden: () => 'The token does not allow this.',
	bad_request: () => 'The gate does not read requests like this one.',
	ambiguous_token: () => 'Two different tokens were sent.',
	no_stream: () => 'There is no stream at this address.',
	method: () => 'Streams are not asked for in this way.',
	too_early: () => 'The request came before the connection was safe.',
	too_many_sessions: () => 'The token already plays as often as it may.',
	rate_limited: () => 'Too many bad tokens came from your address. It works again in a moment.',
	internal: () => 'The gate failed, and so it stays shut.',
	keys_unavailable: () => 'The gate has no key to check tokens with, and so it stays shut.',
	store_unavailable: () => 'The gate cannot see what was revoked, and so it stays shut.',
};

function inWords(answer) {
	if (answer.ok) return 'The token holds: let through.';
	return words[answer.reason]?.(dateOf(answer.expired_at)) ?? answer.title ?? `The gate answered ${statusName(answer.status)}.`;
}

// ---- time

// The server's clock, for a browser on another machine.
let offset = 0;
const clock = () => Date.now() + offset;

function dateOf(value) {
	if (value === undefined || value === null) return null;
	const date = new Date(typeof value === 'number' ? value * 1000 : value);
	return Number.isNaN(date.getTime()) ? null : date;
}

const day = (date) => date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const minute = (date) => date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
const second = (date) => date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const spell = (date) => (day(date) === day(new Date(clock())) ? `at ${second(date)}` : `on ${day(date)} at ${minute(date)}`);

function left(date) {
	const seconds = Math.max(0, (date - clock()) / 1000);
	for (const [name, size] of [['day', 86400], ['hour', 3600], ['minute', 60]]) {
		if (seconds > size * 1.5) return plural(Math.round(seconds / size), name);
	}
	return plural(Math.ceil(seconds), 'second');
}
const plural = (count, name) => `${count} ${name}${count === 1 ? '' : 's'}`;

// ---- text with a token in it

// The part that is a token stands back, so that the address can be read.
function showWithToken(element, text, shorten) {
	const found = /([?&](?:token|jwtoken)=)([^&'"\s]+)/.exec(text);
	if (!found) return element.replaceChildren(text);
	const at = found.index + found[1].length;
	const token = document.createElement('span');
	token.className = 'token';
	token.textContent = shorten ? found[2].slice(0, 12) + '…' : found[2];
	element.replaceChildren(text.slice(0, at), token, text.slice(at + found[2].length));
}

// The page may ask its own host only, whichever of its names the scene was written with.
function own(address) {
	const url = new URL(address, location.href);
	return url.pathname + url.search;
}

// ---- the two screens

class Screen {
	constructor(root) {
		this.root = root;
		this.video = root.querySelector('video');
		this.part = Object.fromEntries([...root.querySelectorAll('[data-part]')].map((node) => [node.dataset.part, node]));
		this.turn = 0;

		this.part.sound?.addEventListener('click', () => {
			this.video.muted = !this.video.muted;
			this.part.sound.textContent = this.video.muted ? 'Unmute' : 'Mute';
		});
		if (this.part.latency) setInterval(() => this.showLatency(), 500);
	}

	pill(text, kind) {
		this.part.pill.textContent = text;
		this.part.pill.className = `pill ${kind}`;
	}

	cover({ title, text = '', lock = false, action = null }) {
		this.part.cover.hidden = false;
		this.part.lock.toggleAttribute('hidden', !lock);
		this.part.title.textContent = title;
		this.part.text.textContent = text;
		this.part.action.hidden = !action;
		if (action) {
			this.part.action.textContent = action.title;
			this.part.action.onclick = action.run;
		}
		if (this.part.sound) {
			this.part.sound.hidden = true;
			this.part.latency.hidden = true;
		}
	}

	showLatency() {
		const { seconds, atLeast } = (this.playing && this.player.latency()) || {};
		const known = seconds > 0 && seconds < 120;
		this.part.latency.hidden = !known;
		if (known) this.part.latency.textContent = atLeast ? `over ${Math.floor(seconds)} s behind live` : `${seconds.toFixed(1)} s behind live`;
	}

	stop() {
		this.turn++;
		this.player?.stop();
		this.player = null;
		this.playing = false;
	}

	/** Asks for the address, and plays it for as long as the gate lets it. */
	async start(address, { onPlaying, onRefused } = {}) {
		this.stop();
		const turn = this.turn;
		const mine = () => turn === this.turn;
		const refused = (answer) => {
			if (!mine()) return;
			this.stop();
			this.pill(statusName(answer.status), 'bad');
			this.cover({ title: 'The gate stays shut', text: inWords(answer), lock: true });
			onRefused?.(answer);
		};
		const again = (why, wait) => {
			if (!mine()) return;
			this.playing = false;
			this.pill('waiting', '');
			this.cover({ title: 'Waiting for the stream', text: why });
			setTimeout(() => mine() && attempt(), wait);
		};

		let failures = 0;
		const attempt = async () => {
			let answer;
			try {
				answer = await ask(own(address));
			} catch {
				return again('The gate does not answer. Is the demo still running?', 2000);
			}
			if (!mine()) return;
			if (isRefusal(answer)) return refused(answer);
			if (!answer.ok) return again(inWords(answer), 2000);

			this.player = play(this.video, own(address), {
				wish,
				clock,
				onPlaying: () => {
					if (!mine() || this.playing) return;
					this.playing = true;
					failures = 0;
					this.part.cover.hidden = true;
					if (this.part.sound) this.part.sound.hidden = false;
					this.pill('live', 'good live');
					onPlaying?.();
				},
				onRefused: refused,
				onTrouble: (error) => again(error.message, Math.min(500 * 2 ** failures++, 5000)),
				onBlocked: () => this.cover({ title: 'Ready', action: { title: 'Play', run: () => this.video.play() } }),
			});
			this.root.dataset.player = this.player.kind;
		};
		this.pill('connecting', '');
		this.cover({ title: 'Asking the gate…' });
		await attempt();
	}
}

// ---- the result of a request

const shown = { url: '', curl: '' };

function showResult({ title, explain, url, curl, answer, status, reason }) {
	shown.url = url;
	$('result').hidden = false;
	$('result-title').textContent = title;
	$('result-explain').textContent = explain;
	showWithToken($('result-curl'), curl, false);
	shown.curl = curl;

	$('result-status').textContent = answer.status ? statusName(answer.status) : 'no answer';
	$('result-status').className = `pill ${answer.ok ? 'good' : 'bad'}`;
	$('result-words').textContent = answer.status ? inWords(answer) : 'The gate does not answer. Is the demo still running?';
	$('result-reason').textContent = answer.reason || '–';

	const met = answer.status === status && (answer.reason || '') === (reason || '');
	$('result-expected').textContent = `${status}${reason ? ` ${reason}` : ''} ${met ? '✓' : '– this is something else'}`;
	$('result-expected').className = met ? 'met' : 'unmet';

	$('result-id').textContent = answer.id || '';
	$('result-id-row').hidden = !answer.id;
	$('result-detail').textContent = answer.detail || '';
	$('result-detail').hidden = !answer.detail;
}

let latest = 0;

async function request(what) {
	const mine = ++latest;
	const answer = await ask(own(what.url)).catch(() => ({ ok: false, status: 0 }));
	if (mine === latest) showResult({ ...what, answer }); // another button may have been quicker
}

function press(button) {
	for (const other of document.querySelectorAll('#buttons .button')) other.setAttribute('aria-pressed', String(other === button));
}

$('copy').addEventListener('click', async () => {
	try {
		await navigator.clipboard.writeText(shown.curl);
		$('copy').textContent = 'Copied';
	} catch {
		// Not allowed here, for example over plain HTTP from another machine: select it instead.
		getSelection().selectAllChildren($('result-curl'));
		$('copy').textContent = 'Selected';
	}
	setTimeout(() => ($('copy').textContent = 'Copy'), 1600);
});

async function tell(what) {
	const response = await fetch(what, { method: 'POST' });
	if (!response.ok) throw new Error((await response.json()).error);
}

// ---- the demo

class Demo {
	constructor(scene) {
		this.scene = scene;
		this.left = new Screen($('left'));
		this.right = new Screen($('right'));
		document.title = `${scene.stream} – Playgate demo`;

		for (const entry of scene.cases ?? []) {
			const button = document.createElement('button');
			button.type = 'button';
			button.className = 'button';
			button.id = `case-${entry.name}`;
			button.textContent = entry.title;
			button.setAttribute('aria-pressed', 'false');
			button.addEventListener('click', () => this.run(entry, button));
			$('buttons').append(button);
		}
		$('left-request').addEventListener('click', () => this.showPlain());
		$('revoke').addEventListener('click', () => this.revoke());
		$('right-request').addEventListener('click', () => {
			press(null);
			request(this.current);
			$('try-title').scrollIntoView({ block: 'start' });
		});
	}

	start() {
		showWithToken(this.left.part.address, own(this.scene.plain_url), true);
		this.left.part.facts.textContent = 'No token, no picture.';
		this.left.start(this.scene.plain_url);
		this.playLong();
	}

	async showPlain() {
		press(null);
		await request({
			title: 'No token', explain: 'The address alone, as anybody could copy it.',
			url: this.scene.plain_url, curl: this.scene.plain_curl, status: 401, reason: 'missing_token',
		});
		$('try-title').scrollIntoView({ block: 'start' });
	}

	playLong() {
		clearInterval(this.countdown);
		const { token_url: url, token_curl: curl, valid_until: until } = this.scene;
		this.current = { title: 'A valid token', explain: 'The same address with a token that names this stream.', url, curl, status: 200, reason: '' };
		$('right-title').textContent = 'With a token';
		showWithToken(this.right.part.address, own(url), true);
		const date = dateOf(until);
		this.right.part.facts.textContent = date ? `Valid until ${day(date)}, ${minute(date)} (${left(date)} left)` : '';
		this.right.start(url, { onRefused: (answer) => answer.reason === 'revoked' && this.showRevoked(answer) });
	}

	// The token that plays is taken back. The gate knows at once; the page asks it, because a player has pictures in store.
	async revoke() {
		$('revoke').disabled = true;
		try {
			if (this.current.url !== this.scene.token_url) this.playLong();
			await tell('revoke');
			const answer = await ask(own(this.scene.token_url));
			if (!isRefusal(answer)) throw new Error(inWords(answer));
			this.right.stop();
			this.right.pill(statusName(answer.status), 'bad');
			this.showRevoked(answer);
			press(null);
			showResult({ ...this.current, title: 'A revoked token', explain: 'The signature still holds, and the time is not over.', answer, status: 401, reason: 'revoked' });
		} catch (error) {
			$('revoke').disabled = false;
			$('notice').textContent = `The token was not revoked: ${error.message}`;
			$('notice').hidden = false;
		}
	}

	showRevoked(answer) {
		$('revoke').hidden = true;
		this.right.part.facts.textContent = 'Revoked. Its link opens nothing any more.';
		this.right.cover({
			title: 'The gate closed', text: inWords(answer), lock: true,
			action: { title: 'Take it back and play', run: () => this.unrevoke() },
		});
	}

	async unrevoke() {
		try {
			await tell('unrevoke');
			$('revoke').hidden = $('revoke').disabled = false;
			this.playLong();
		} catch (error) {
			$('notice').textContent = `The token is still revoked: ${error.message}`;
			$('notice').hidden = false;
		}
	}

	async run(entry, button) {
		press(button);
		if (entry.fresh_seconds) await this.runFresh(entry);
		else await request(entry);
	}

	// A token that ends while one looks on.
	async runFresh(entry) {
		let fresh;
		try {
			const response = await fetch(`short-token?case=${encodeURIComponent(entry.name)}`, { method: 'POST' });
			fresh = await response.json();
			if (!response.ok) throw new Error(fresh.error);
		} catch (error) {
			return showResult({ ...entry, curl: '', answer: { ok: false, status: 503, title: `No token was made: ${error.message}` } });
		}
		offset = dateOf(fresh.now) - Date.now();
		const expires = dateOf(fresh.expires);
		const what = { ...entry, ...fresh };

		this.current = what;
		$('right-title').textContent = `With a ${entry.fresh_seconds}-second token`;
		showWithToken(this.right.part.address, own(fresh.url), true);
		this.count(expires);
		$('right').scrollIntoView({ block: 'nearest' }); // on a phone the picture is far above the button
		this.right.start(fresh.url, {
			onRefused: (answer) => {
				clearInterval(this.countdown);
				this.right.part.facts.textContent = `It was valid until ${second(expires)}.`;
				this.right.cover({
					title: 'The gate closed', text: inWords(answer), lock: true,
					action: { title: 'Play with the long token again', run: () => this.playLong() },
				});
				if (shown.url === what.url) {
					showResult({ ...what, explain: 'The token ran out while it played.', answer, status: 401, reason: 'expired' });
				}
			},
		});
		await request(what);
	}

	count(expires) {
		clearInterval(this.countdown);
		const facts = this.right.part.facts;
		const span = document.createElement('span');
		span.className = 'countdown';
		let asking = false;
		const tick = async () => {
			const seconds = Math.ceil((expires - clock()) / 1000);
			span.textContent = seconds > 0 ? `${seconds} s left` : 'Time is up, but for a few seconds of leeway';
			facts.replaceChildren(span);
			// The browser's own player notices late and says nothing. So the page asks, and the answer, not the clock, ends it.
			if (seconds > 0 || asking || this.right.player?.kind !== 'native') return;
			asking = true;
			const { player, turn } = this.right;
			const answer = await ask(own(this.current.url)).catch(() => null);
			asking = false;
			if (answer && isRefusal(answer) && turn === this.right.turn) player?.refuse(answer);
		};
		this.countdown = setInterval(tick, 500);
		tick();
	}
}

try {
	const response = await fetch('scene.json', { cache: 'no-store' });
	if (!response.ok) throw new Error(statusName(response.status));
	const scene = await response.json();
	offset = dateOf(scene.now) - Date.now();
	const demo = new Demo(scene);
	demo.start();
	await request({
		title: 'No token', explain: 'What the player on the left asked for.',
		url: scene.plain_url, curl: scene.plain_curl, status: 401, reason: 'missing_token',
	});
} catch (error) {
	$('notice').textContent = `The demo does not answer (${error.message}). Is it still running?`;
	$('notice').hidden = false;
}
