// What the console's pages do besides: every page works without it.

const moments = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
for (const element of document.querySelectorAll('time')) {
	element.title = element.textContent;
	element.textContent = moments.format(new Date(element.dateTime));
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

for (const button of document.querySelectorAll('[data-add]')) {
	button.addEventListener('click', () => {
		const field = document.querySelector(`[name="${button.dataset.add}"]`);
		const lines = field.value.split('\n').map((line) => line.trim()).filter(Boolean);
		if (!lines.includes(button.textContent)) lines.push(button.textContent);
		field.value = lines.join('\n');
		field.focus();
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
