// Plays one live stream in one video element: with the browser's own HLS where there is one, else with the small MediaSource
// player below, which knows what this demo's origin makes: low-latency HLS in fMP4, one variant, sound in a rendition of its own.

/** What the gate said when it did not let a request through. */
export class Refused extends Error {
	constructor(answer) {
		super(answer.reason || `HTTP ${answer.status}`);
		this.answer = answer;
	}
}

/** Something that may work again: a cut connection, an origin that is not there yet. */
class Trouble extends Error {
	constructor(message, status = 0) {
		super(message);
		this.status = status;
	}
}

/** Asks for a URL once, as a player would, and reads the gate's answer. Throws only when there is none. */
export async function ask(url, signal) {
	const response = await fetch(url, { cache: 'no-store', signal });
	return answerOf(response);
}

async function answerOf(response) {
	const answer = { status: response.status, ok: response.ok, id: response.headers.get('Playgate-Id') || '' };
	if (response.ok) {
		response.body?.cancel().catch(() => {});
		return answer;
	}
	const text = await response.text().catch(() => '');
	if ((response.headers.get('Content-Type') || '').startsWith('application/problem+json')) {
		try {
			return { ...JSON.parse(text), ...answer, id: answer.id || JSON.parse(text).id || '' };
		} catch {
			// A body that is not what it says is an answer without a reason.
		}
	}
	return answer;
}

/** A refusal is the gate's word and final. Everything else may pass: a part that is gone, an origin that is not there yet. */
export const isRefusal = (answer) => answer.status === 401 || answer.status === 403 || refusals.has(answer.reason);

const refusals = new Set(['bad_request', 'ambiguous_token', 'no_stream', 'method', 'too_many_sessions']);

/** Which player a browser gets. `wish` is native or mse, for tests. */
export function playerKind(video, wish) {
	const native = video.canPlayType('application/vnd.apple.mpegurl') !== '';
	const mse = 'MediaSource' in window || 'ManagedMediaSource' in window;
	if (wish === 'mse' && mse) return 'mse';
	if (wish === 'native' && native) return 'native';
	if (native) return 'native';
	return mse ? 'mse' : 'none';
}

/**
 * Plays url until stop() or until one of these is called, once: onRefused(answer), onTrouble(error).
 * latency() is {seconds, atLeast} or null. refuse(answer) ends it with an answer that somebody else got. onPlaying() may come often; onBlocked() when the browser wants a click first.
 */
export function play(video, url, { wish, clock = Date.now, onPlaying, onRefused, onTrouble, onBlocked }) {
	const kind = playerKind(video, wish);
	const aborter = new AbortController();
	let over = false;

	const finish = (report) => {
		if (over) return;
		over = true;
		aborter.abort();
		video.pause();
		video.removeAttribute('src');
		video.load();
		report?.();
	};
	const fail = (error) => finish(() => (error instanceof Refused ? onRefused(error.answer) : onTrouble(error)));
	const begin = () => {
		video.play().catch((error) => {
			if (error.name === 'NotAllowedError' && !over) onBlocked();
		});
	};

	video.addEventListener('playing', () => !over && onPlaying(), { signal: aborter.signal });
	const run = { native: playNative, mse: playMediaSource }[kind];
	const handle = run
		? run(video, url, { signal: aborter.signal, clock, begin, fail })
		: (queueMicrotask(() => fail(new Trouble('This browser plays neither HLS nor MediaSource.'))), {});

	return { kind, latency: handle.latency ?? (() => null), stop: () => finish(), refuse: (answer) => fail(new Refused(answer)) };
}

// ---- the browser's own HLS

// A native player does not tell why it stopped. So when it stops, the same address is asked once more, for the reason.
function playNative(video, url, { signal, clock, begin, fail }) {
	let at = -1;
	let still = 0;
	let asking = false;

	const inquire = async (what) => {
		if (asking || signal.aborted) return;
		asking = true;
		try {
			const answer = await ask(url, signal);
			fail(isRefusal(answer) ? new Refused(answer) : new Trouble(what, answer.status));
		} catch (error) {
			fail(new Trouble(error.message));
		}
	};

	const watch = setInterval(() => {
		still = video.currentTime === at && !video.paused ? still + 1 : 0;
		at = video.currentTime;
		if (still >= 6) inquire('The picture stands still.');
	}, 500);
	signal.addEventListener('abort', () => clearInterval(watch));

	video.addEventListener('error', () => inquire('The browser’s player gave up.'), { signal });
	video.addEventListener('ended', () => inquire('The stream ended.'), { signal });
	video.src = url;
	begin();

	return {
		// Only some browsers say when the picture on the screen was made. For the others: it is older than what is buffered.
		latency: () => {
			const begun = video.getStartDate?.().getTime();
			if (Number.isFinite(begun)) return { seconds: (clock() - begun) / 1000 - video.currentTime };
			return video.buffered.length ? { seconds: lastOf(video.buffered, 'end') - video.currentTime, atLeast: true } : null;
		},
	};
}

// ---- our own

const retries = 4;
const behind = 10; // seconds that are kept behind the playhead
const tooLate = 3; // seconds from the edge at which a jump is better than a faster pace

function playMediaSource(video, url, { signal, clock, begin, fail }) {
	const Source = window.MediaSource ?? window.ManagedMediaSource;
	const source = new Source();
	const address = URL.createObjectURL(source);
	video.disableRemotePlayback = true; // ManagedMediaSource asks for it
	video.src = address;
	signal.addEventListener('abort', () => URL.revokeObjectURL(address));

	// When the picture at this media time was made, by the playlist.
	let anchor = null;
	// How far behind the newest picture to stay.
	let distance = 1;

	const run = async () => {
		const [top] = await Promise.all([
			text(url, signal).then(({ body, base }) => parseMultivariant(body, base)),
			source.readyState === 'open' ? null : once(source, 'sourceopen', signal),
		]);
		const tracks = [track('video/mp4', top.videoCodec, top.video, true)];
		if (top.audio) tracks.push(track('audio/mp4', top.audioCodec, top.audio, false));
		begin();
		await Promise.all(tracks.map(follow));
	};

	const track = (type, codec, playlist, leads) => ({ playlist, leads, buffer: source.addSourceBuffer(`${type}; codecs="${codec}"`) });

	// Reads one media playlist for ever, and appends each part as it comes.
	const follow = async ({ playlist, leads, buffer }) => {
		let list = parseMedia(...(await playlistText(playlist, signal)));
		let map = null;
		let next = nearTheEdge(list);
		let apart = true; // from what is buffered
		const begun = new Map(); // segment number to the media time at which it begins

		for (;;) {
			if (leads) distance = list.holdBack + list.partTarget;
			if (list.map !== map) {
				map = list.map;
				await append(buffer, await bytes(map, signal));
			}

			let lost = false;
			for (let found; (found = pick(list, next)).uri; next = found.next) {
				const data = await bytes(found.uri, signal).catch((error) => {
					if (error.status === 404) return null;
					throw error;
				});
				if (!data) {
					lost = true;
					break;
				}
				// Counted from what is buffered, because the playlist does not speak of media time.
				const end = apart ? null : lastOf(buffer.buffered, 'end');
				await append(buffer, data);
				if (leads && next.part === 0) begun.set(next.msn, end ?? lastOf(buffer.buffered, 'start'));
				apart = false;
			}
			lost ||= pick(list, next).lost;

			for (const segment of list.segments) {
				if (begun.has(segment.msn) && segment.date) {
					anchor = { media: begun.get(segment.msn), wall: segment.date };
					begun.delete(segment.msn);
				}
			}
			await trim(buffer);

			// A blocking reload: the origin answers when it has the part that comes next.
			const wanted = lost ? playlist : withQuery(playlist, `_HLS_msn=${next.msn}&_HLS_part=${next.part}`);
			const answer = await playlistText(wanted, signal).catch((error) => {
				if (error.status !== 400 && error.status !== 404) throw error;
				return null;
			});
			list = parseMedia(...(answer ?? (await playlistText(playlist, signal))));
			if (lost || !answer) {
				next = nearTheEdge(list);
				begun.clear();
				apart = true;
				await pause(100, signal);
			}
		}
	};

	const trim = async (buffer) => {
		const until = video.currentTime - behind;
		if (buffer.buffered.length && buffer.buffered.start(0) < until - behind) {
			buffer.remove(0, until);
			await once(buffer, 'updateend', signal);
		}
	};

	// Stays near the edge: a little faster when behind, a jump when far behind or outside what is buffered.
	const keep = setInterval(() => {
		const ranges = video.buffered;
		if (!ranges.length) return;
		const start = lastOf(ranges, 'start');
		const end = lastOf(ranges, 'end');
		const at = video.currentTime;
		if (at < start || end - at > tooLate) {
			const goal = Math.max(start, end - distance);
			if (Math.abs(goal - at) > 0.05) video.currentTime = goal;
			video.playbackRate = 1;
			return;
		}
		const ahead = end - at;
		if (ahead > distance + 0.3) video.playbackRate = 1.1;
		else if (ahead < 0.15) video.playbackRate = 0.95;
		else if (ahead < distance && ahead > 0.3) video.playbackRate = 1;
	}, 200);
	signal.addEventListener('abort', () => clearInterval(keep));

	run().catch((error) => {
		if (!signal.aborted) fail(error);
	});

	return {
		latency: () => (anchor && video.currentTime ? { seconds: (clock() - anchor.wall) / 1000 - (video.currentTime - anchor.media) } : null),
	};

	async function append(buffer, data) {
		buffer.appendBuffer(data);
		await once(buffer, 'updateend', signal);
	}
}

const lastOf = (ranges, side) => ranges[side](ranges.length - 1);

// ---- what to play next

/** The beginning of the last segment that is far enough from the edge to play without a stop. */
function nearTheEdge(list) {
	let toEdge = 0;
	for (const segment of [...list.segments].reverse()) {
		toEdge += segment.duration || segment.parts.reduce((sum, part) => sum + part.duration, 0);
		if (toEdge >= list.holdBack && !segment.gap) return { msn: segment.msn, part: 0 };
	}
	return { msn: list.segments[0]?.msn ?? 0, part: 0 };
}

/** What the playlist has for this place: {uri, next}, or {lost}, or nothing yet. Moves `next` over segments that are whole. */
function pick(list, next) {
	for (;;) {
		const segment = list.segments.find(({ msn }) => msn === next.msn);
		if (!segment) return { lost: next.msn < (list.segments[0]?.msn ?? 0) };
		if (next.part < segment.parts.length) {
			return { uri: segment.parts[next.part].uri, next: { msn: next.msn, part: next.part + 1 } };
		}
		if (!segment.uri) return {};
		if (!segment.parts.length && !segment.gap) {
			// Older segments are listed without their parts.
			return next.part === 0 ? { uri: segment.uri, next: { msn: next.msn + 1, part: 0 } } : { lost: true };
		}
		next.msn++;
		next.part = 0;
	}
}

// ---- playlists

function attributes(line) {
	const found = {};
	for (const [, name, quoted, bare] of line.matchAll(/([A-Z0-9-]+)=(?:"([^"]*)"|([^,]*))/g)) found[name] = quoted ?? bare;
	return found;
}

/** The first variant of a multivariant playlist, and its sound if that has a playlist of its own. */
export function parseMultivariant(body, base) {
	const top = {};
	let variant = null;
	for (const line of body.split(/\r?\n/)) {
		if (line.startsWith('#EXT-X-MEDIA:')) {
			const { TYPE, URI } = attributes(line);
			if (TYPE === 'AUDIO' && URI && !top.audio) top.audio = new URL(URI, base).href;
		} else if (line.startsWith('#EXT-X-STREAM-INF:')) {
			variant = attributes(line);
		} else if (variant && line && !line.startsWith('#') && !top.video) {
			top.video = new URL(line, base).href;
			top.codecs = (variant.CODECS || '').split(',').map((codec) => codec.trim());
		}
	}
	if (!top.video) throw new Trouble('This is not the playlist of a stream.');
	const isSound = (codec) => /^(mp4a|opus|fLaC)/.test(codec);
	top.audioCodec = top.codecs.find(isSound);
	top.videoCodec = (top.audio ? top.codecs.filter((codec) => !isSound(codec)) : top.codecs).join(',');
	return top;
}

/** A media playlist as a list of segments with their parts; the last one is still being written and has no URI. */
export function parseMedia(body, base) {
	const list = { map: null, holdBack: 1, partTarget: 0.2, segments: [] };
	let msn = 0;
	let segment = { parts: [] };
	const close = () => {
		if (segment.uri || segment.parts.length) list.segments.push({ ...segment, msn: msn++ });
		segment = { parts: [] };
	};

	for (const line of body.split(/\r?\n/)) {
		const value = line.slice(line.indexOf(':') + 1);
		if (line.startsWith('#EXT-X-MEDIA-SEQUENCE:')) msn = Number(value);
		else if (line.startsWith('#EXT-X-SERVER-CONTROL:')) list.holdBack = Number(attributes(value)['PART-HOLD-BACK']) || list.holdBack;
		else if (line.startsWith('#EXT-X-PART-INF:')) list.partTarget = Number(attributes(value)['PART-TARGET']) || list.partTarget;
		else if (line.startsWith('#EXT-X-MAP:')) list.map = new URL(attributes(value).URI, base).href;
		else if (line.startsWith('#EXT-X-PROGRAM-DATE-TIME:')) segment.date = Date.parse(value);
		else if (line.startsWith('#EXT-X-GAP')) segment.gap = true;
		else if (line.startsWith('#EXTINF:')) segment.duration = parseFloat(value);
		else if (line.startsWith('#EXT-X-PART:')) {
			const { URI, DURATION } = attributes(value);
			segment.parts.push({ uri: new URL(URI, base).href, duration: Number(DURATION) });
		} else if (line && !line.startsWith('#')) {
			segment.uri = new URL(line, base).href;
			close();
		}
	}
	close();
	if (!list.map || !list.segments.length) throw new Trouble('This playlist has nothing to play.');
	return list;
}

// ---- requests

// The gate's word ends it; what may pass is tried again for a few seconds.
async function get(url, signal) {
	for (let attempt = 1; ; attempt++) {
		let trouble;
		try {
			const response = await fetch(url, { cache: 'no-store', signal });
			if (response.ok) return response;
			const answer = await answerOf(response);
			if (isRefusal(answer)) throw new Refused(answer);
			trouble = new Trouble(`The gate answered ${answer.status}.`, answer.status);
			if (answer.status < 500 && answer.status !== 429) throw trouble;
		} catch (error) {
			if (error instanceof Refused || error === trouble || signal.aborted) throw error;
			trouble = new Trouble('The connection was cut.');
		}
		if (attempt === retries) throw trouble;
		await pause(200 * 2 ** attempt, signal);
	}
}

async function whole(url, signal, read) {
	for (let attempt = 1; ; attempt++) {
		const response = await get(url, signal);
		try {
			return await read(response);
		} catch (error) {
			// Cut in the middle, as the gate does when a token ends: the next request tells why.
			if (signal.aborted || attempt === retries) throw error;
		}
	}
}

const bytes = (url, signal) => whole(url, signal, (response) => response.arrayBuffer());
const text = (url, signal) => whole(url, signal, async (response) => ({ body: await response.text(), base: response.url }));
const playlistText = async (url, signal) => {
	const { body, base } = await text(url, signal);
	return [body, base];
};

// The query is extended as text: the token in it stays exactly as the gate wrote it.
const withQuery = (url, query) => url + (url.includes('?') ? '&' : '?') + query;

function once(target, event, signal) {
	return settle(signal, (resolve, reject, own) => {
		target.addEventListener(event, resolve, { signal: own });
		target.addEventListener('error', () => reject(new Trouble('The browser could not read the stream.')), { signal: own });
	});
}

function pause(milliseconds, signal) {
	return settle(signal, (resolve, _, own) => {
		const timer = setTimeout(resolve, milliseconds);
		own.addEventListener('abort', () => clearTimeout(timer));
	});
}

// A promise that the player's end rejects. `own` ends with the promise and takes every listener with it: a stream waits
// many times a second, for hours.
function settle(signal, start) {
	const own = new AbortController();
	return new Promise((resolve, reject) => {
		signal.throwIfAborted();
		signal.addEventListener('abort', () => reject(signal.reason), { signal: own.signal });
		start(resolve, reject, own.signal);
	}).finally(() => own.abort());
}
