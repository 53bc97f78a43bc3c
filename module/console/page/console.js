// What the console's pages do besides: every page works without it.

const moments = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
for (const element of document.querySelectorAll('time')) {
	element.title = element.textContent;
	element.textContent = moments.format(new Date(element.dateTime));
}

// Dates are chosen in the reader's zone, and sent in UTC.
const { timeZone } = moments.resolvedOptions();
for (const word of document.querySelectorAll('.zone')) word.textContent = timeZone;
for (const input of document.querySelectorAll('[type="datetime-local"]')) {
	const date = new Date(`${input.defaultValue}Z`);
	if (!Number.isNaN(date.valueOf())) {
		date.setMinutes(date.getMinutes() - date.getTimezoneOffset());
		input.value = date.toISOString().slice(0, 16);
	}
	input.form.addEventListener('formdata', ({ formData }) => {
		if (input.value) formData.set(input.name, new Date(input.value).toISOString().slice(0, 16));
	});
}

for (const button of document.querySelectorAll('[data-copy]')) {
	button.hidden = false;
	button.addEventListener('click', async () => {
		const code = button.parentElement.querySelector('code');
		try {
			await navigator.clipboard.writeText(code.textContent);
			button.textContent = 'Copied';
		} catch {
			// Not allowed here, for example over plain HTTP from another machine: select it.
			getSelection().selectAllChildren(code);
			button.textContent = 'Selected';
		}
		setTimeout(() => (button.textContent = 'Copy'), 1600);
	});
}

// What a rule lacks is added by a click, also where the remark came later.
document.addEventListener('click', (event) => {
	const button = event.target.closest('[data-add]');
	if (!button) return;
	const field = document.querySelector(`[name="${button.dataset.add}"]`);
	const lines = field.value.split('\n').map((line) => line.trim()).filter(Boolean);
	if (!lines.includes(button.dataset.value)) lines.push(button.dataset.value);
	field.value = lines.join('\n');
	field.focus();
	field.dispatchEvent(new Event('input', { bubbles: true }));
});

// Remarks on the rules of a token while they are written.
const remarks = document.getElementById('remarks');
if (remarks?.closest('form')) {
	const form = remarks.closest('form');
	let asked = 0;
	const check = async () => {
		const mine = ++asked;
		const response = await fetch(`${form.action}/check`, { method: 'POST', body: new URLSearchParams(new FormData(form)) }).catch(() => null);
		if (!response?.ok || mine !== asked) return;
		const answer = new DOMParser().parseFromString(await response.text(), 'text/html').getElementById('remarks');
		if (answer && mine === asked && answer.innerHTML !== remarks.innerHTML) remarks.replaceChildren(...answer.childNodes);
	};
	let timer;
	form.addEventListener('input', () => {
		clearTimeout(timer);
		timer = setTimeout(check, 300);
	});
}

// A date says by itself that it is meant.
document.querySelector('[name="until"]')?.addEventListener('input', () => {
	document.querySelector('[name="expires"][value="until"]').checked = true;
});

// What was shown once does not come back from the browser's memory.
addEventListener('pageshow', (event) => {
	if (event.persisted) location.reload();
});
