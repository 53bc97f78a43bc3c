// The player page: it asks the gate for the stream, plays it, and says in words why it
// does not. The gate alone decides; nothing here is a check.

const page = document.getElementById('player');
const video = document.getElementById('video');
const url = page.dataset.stream;
const ends = Number(page.dataset.ends) || 0;
const over = Number(page.dataset.over) || 0;

// The server's clock counts, and this browser's measures what has passed.
const began = performance.now();
const clock = () => Number(page.dataset.now) + (performance.now() - began) / 1000;

// ---- what is shown

function show(state, title, text = '', reference = '') {
	page.dataset.state = state;
	document.getElementById('title').textContent = title;
	document.getElementById('text').textContent = text;
	document.getElementById('reference').textContent = reference;
	document.getElementById('refusal').hidden = !reference;
}

const moments = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
for (const element of document.querySelectorAll('time')) element.textContent = moments.format(new Date(element.dateTime));

const count = (n, unit) => `${n} ${unit}${n === 1 ? '' : 's'}`;

// In the last hour every second counts; before, the unit that people think in.
function left(seconds) {
	if (seconds <= 3600) {
		const whole = Math.max(0, Math.ceil(seconds));
		return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
	}
	const minutes = Math.round(seconds / 60);
	if (minutes >= 48 * 60) return count(Math.floor(minutes / 1440), 'day');
	if (minutes >= 120) return count(Math.floor(minutes / 60), 'hour');
	return count(minutes, 'minute');
}

const leftElement = document.getElementById('left');

function tick() {
	const seconds = ends - clock();
	leftElement.textContent = seconds > 0 ? `(${left(seconds)} left)` : '(the time is over)';
	leftElement.classList.toggle('soon', seconds <= 3600);
}

if (leftElement) {
	tick();
	setInterval(tick, 1000);
}

// ---- what the gate says

// These pass by themselves.
const passing = ['keys_unavailable', 'store_unavailable', 'too_early', 'too_many_sessions', 'rate_limited', 'internal'];

// ask asks the gate for the stream as a player does.
async function ask() {
	let answer;
	try {
		answer = await fetch(url, { cache: 'no-store' });
	} catch {
		return { good: false, text: 'The server does not answer.' };
	}
	if (answer.ok) {
		answer.body?.cancel().catch(() => {});
		return { good: true };
	}
	let problem = {};
	try {
		problem = await answer.json();
	} catch {
		// Another handler has written the answer; its status has to do.
	}
	const refused = problem.reason ? !passing.includes(problem.reason) : [400, 401, 403, 405].includes(answer.status);
	const wait = Number(answer.headers.get('Retry-After')) || 0;
	return { good: false, refused, problem, wait, text: problem.title ?? '' };
}

function showRefusal({ problem }) {
	stop();
	const [state, title] = {
		expired: ['expired', 'The token has expired'],
		revoked: ['revoked', 'The token has been revoked'],
		missing_token: ['refused', 'This stream needs a token'],
	}[problem.reason] ?? ['refused', problem.title ?? 'The stream is refused'];
	const text = {
		expired: 'Ask whoever gave you the link for a new one.',
		revoked: 'Its link opens nothing any more.',
		missing_token: 'Open it with the link that you were given, to its last character.',
	}[problem.reason] ?? 'Ask whoever gave you the link, and name this reference.';
	show(state, title, text, problem.id ?? '');
	const validity = document.getElementById('validity');
	if (ends && state === 'revoked') validity.textContent = 'The token has been revoked.';
	if (ends && state === 'expired') validity.textContent = `The token was valid until ${moments.format(new Date(ends * 1000))}`;
}

// ---- playing

let hls = null;
let turn = 0; // grows when what runs is over

function stop() {
	turn++;
	hls?.destroy();
	hls = null;
	video.pause();
	video.removeAttribute('src');
	video.load();
}

const wish = new URLSearchParams(location.search).get('player');
const isNative = () => wish !== 'hls.js' && video.canPlayType('application/vnd.apple.mpegurl') !== '';

let library = null;

function loadLibrary() {
	library ??= new Promise((loaded, failed) => {
		const script = document.createElement('script');
		script.src = page.dataset.library;
		script.onload = () => loaded(window.Hls);
		script.onerror = () => failed(new Error('hls.js is not there'));
		document.head.append(script);
	});
	return library;
}

function unsupported(text) {
	stop();
	show('unsupported', 'This browser cannot play the stream', text);
}

let failures = 0;

// again tries anew after a while that grows, and is never the same for all.
function again(title, text, wait = 0) {
	stop();
	const mine = turn;
	show('waiting', title, text || 'It starts by itself as soon as it is there.');
	const pause = Math.max(wait * 1000, Math.min(1000 * 1.6 ** failures++, 8000)) * (0.75 + Math.random() / 2);
	setTimeout(() => mine === turn && start(), pause);
}

// trouble is when a player has failed or stands still: only the gate knows why.
let asking = false;

async function trouble({ broken = false } = {}) {
	if (asking) return;
	asking = true;
	const mine = turn;
	const answer = await ask();
	asking = false;
	if (mine !== turn) return;
	if (answer.refused) showRefusal(answer);
	else if (!answer.good) again('Waiting for the stream', answer.text, answer.wait);
	else if (broken || stands()) again('Waiting for the stream', '');
}

async function start() {
	const mine = ++turn;
	const answer = await ask();
	if (mine !== turn) return;
	if (answer.refused) return showRefusal(answer);
	if (!answer.good) return again('Waiting for the stream', answer.text, answer.wait);
	if (isNative()) {
		video.src = url;
	} else {
		let Hls;
		try {
			Hls = await loadLibrary();
		} catch {
			return unsupported('Safari, and Chrome and Edge from version 142, play it by themselves. Others need hls.js, which is not on this server.');
		}
		if (mine !== turn) return;
		if (!Hls.isSupported()) return unsupported('It has neither HLS nor Media Source Extensions. A current Safari, Chrome, Edge or Firefox plays it.');
		hls = new Hls({ enableWorker: false, liveDurationInfinity: true });
		hls.on(Hls.Events.ERROR, (_, data) => {
			if (data.fatal || data.response?.code >= 400) trouble({ broken: data.fatal });
		});
		hls.loadSource(url);
		hls.attachMedia(video);
	}
	advanced = performance.now();
	video.play().catch((error) => {
		if (mine === turn && error.name === 'NotAllowedError') show('ready', 'Ready');
	});
}

// A player that stands still for longer than it has pictures is asked about.
let position = 0;
let advanced = performance.now();
const stands = () => !video.paused && performance.now() - advanced > 5000;

setInterval(() => {
	if (video.currentTime !== position) {
		position = video.currentTime;
		advanced = performance.now();
	}
	if (turn > 0 && video.currentSrc && stands()) trouble();
}, 1000);

video.addEventListener('playing', () => {
	failures = 0;
	show('playing', '');
});
video.addEventListener('timeupdate', () => {
	if (page.dataset.state === 'connecting' || page.dataset.state === 'waiting') {
		if (video.currentTime > 0 && video.currentSrc) show('playing', '');
	}
});
video.addEventListener('error', () => video.getAttribute('src') && trouble({ broken: true }));
video.addEventListener('play', () => { advanced = performance.now(); });

// When its token's time is over the gate says so; the page asks, because a player has
// pictures in store.
function atTheEnd() {
	const rest = over - clock();
	if (rest < 0 && page.dataset.state === 'playing') trouble();
	if (rest < -60) return; // the gate has another clock, and is right
	setTimeout(atTheEnd, rest > 0 ? Math.min(rest * 1000 + 300, 3600_000) : 3000);
}

// The browser's own player keeps to itself what it was answered.
setInterval(() => {
	if (page.dataset.state === 'playing' && !hls && !video.paused) trouble();
}, 10_000);

if (!url) {
	show('unsupported', 'There is no stream on this host', 'Whoever runs it has not said where its streams are.');
} else if (page.dataset.playable !== 'true') {
	show('unsupported', 'This page cannot play the stream', 'It plays HLS. Open the stream’s own address in a player.');
} else {
	start();
	if (over > clock()) atTheEnd();
}
