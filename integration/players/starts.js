"use strict";

// How each player is started, and how it tells that it was refused. Settings
// are the players' own unless a comment says why not.
const starts = {
  // It reports to a URL how many frames it has decoded, and gives up when these
  // have not become more for two seconds.
  async WHEP(url, reports) {
    const peer = new RTCPeerConnection();
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.ontrack = ({ streams }) => { video.srcObject = streams[0]; };
    await peer.setLocalDescription();
    const answer = await fetch(url, { method: "POST", body: peer.localDescription.sdp, headers: { "Content-Type": "application/sdp" } });
    if (answer.status !== 201 || !answer.headers.get("Location")) {
      end({ status: answer.status, detail: await answer.text() });
      return;
    }
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    let last = { frames: 0, at: performance.now() };
    setInterval(async () => {
      const frames = Math.max(0, ...[...(await peer.getStats()).values()].map((s) => s.framesDecoded ?? 0));
      if (frames > last.frames) {
        last = { frames, at: performance.now() };
        fetch(`${reports}?frames=${frames}`, { mode: "no-cors" });
      } else if (frames > 0 && performance.now() - last.at > 2000) {
        end({ detail: "no more frames" });
      }
    }, 100);
  },

  // It reads an answer to its end, and tells whether that looks complete.
  async body(url) {
    const answer = await fetch(url);
    try {
      for await (const _ of answer.body);
      end({ status: answer.status, detail: "complete" });
    } catch (error) {
      end({ status: answer.status, detail: String(error) });
    }
  },

  async "hls.js"(url, type, { headers, credentials }) {
    await script("lib/hls.js/dist/hls.min.js");
    const hls = new Hls(!headers && !credentials ? {} : {
      xhrSetup(xhr) {
        xhr.withCredentials = Boolean(credentials);
        for (const [name, value] of Object.entries(headers ?? {})) {
          xhr.setRequestHeader(name, value);
        }
      },
    });
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (data.fatal) {
        refused(data.response?.code, data.networkDetails?.responseText, data.details);
      }
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  },

  async "dash.js"(url, type, { headers, credentials, also }) {
    await script("lib/dashjs/dist/modern/umd/dash.all.min.js");
    const player = dashjs.MediaPlayer().create();
    if (headers) {
      player.addRequestInterceptor(async (request) => {
        request.headers = { ...request.headers, ...headers };
        return request;
      });
    }
    if (credentials) {
      player.setXHRWithCredentialsForType(null, true);
    }
    if (also) {
      thumbnail = () => new Promise((done, failed) => {
        player.provideThumbnail(2, (found) => (found ? done(found.url) : failed(new Error("none"))));
      });
    }
    player.on("error", ({ error }) => {
      const response = error.data?.response;
      refused(response?.status, response?.data, error.message);
    });
    player.initialize(video, url, true);
  },

  async "shaka-player"(url, type, { headers, credentials, also }) {
    await script("lib/shaka-player/dist/shaka-player.compiled-es2021.js");
    const player = new shaka.Player();
    if (headers || credentials) {
      player.getNetworkingEngine().registerRequestFilter((_, request) => {
        Object.assign(request.headers, headers);
        request.allowCrossSiteCredentials = Boolean(credentials);
      });
    }
    if (also) {
      thumbnail = async () => {
        if (also === "cues") {
          await player.addThumbnailsTrack(besidePlaylist(url), "text/vtt");
        }
        const [track] = player.getImageTracks();
        return (await player.getThumbnails(track.id, 2)).uris[0];
      };
    }
    const failed = (error) => {
      if (error.code === shaka.util.Error.Code.BAD_HTTP_STATUS) {
        refused(error.data[1], error.data[2], `shaka ${error.code}`);
      } else {
        askAgain(url, `shaka ${error.code} ${error.data}`); // it left the file to the element
      }
    };
    player.addEventListener("error", ({ detail }) => failed(detail));
    await player.attach(video);
    try {
      await player.load(url, null, type);
    } catch (error) {
      failed(error);
    }
  },

  async "video.js"(url, type, { headers, credentials }) {
    await script("lib/video.js/dist/video.min.js");
    if (headers) {
      videojs.Vhs.xhr.onRequest((request) => ({ ...request, headers: { ...request.headers, ...headers } }));
    }
    // Its own HLS instead of the browser's, of which there is a row too.
    const player = videojs(video, { html5: { vhs: { overrideNative: true, withCredentials: Boolean(credentials) } } });
    // The error has a status only when it came before the media source was open.
    player.on("error", () => askAgain(url, player.error().message));
    player.src({ src: url, type });
  },

  async "mpegts.js"(url) {
    await script("lib/mpegts.js/dist/mpegts.js");
    const player = mpegts.createPlayer({ type: "flv", isLive: true, url });
    player.on(mpegts.Events.ERROR, (kind, detail, info) => askAgain(url, `${kind} ${detail} ${info?.msg}`));
    player.attachMediaElement(video);
    player.load();
  },

  async chromium(url) {
    video.addEventListener("error", () => askAgain(url, video.error.message));
    video.src = url;
  },
};
