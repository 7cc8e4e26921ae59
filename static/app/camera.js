// Reading a QR code with the camera, where the browser can. Nothing is recorded.

const LOOK_MS = 200;

export const canScan = "BarcodeDetector" in window && Boolean(navigator.mediaDevices?.getUserMedia);

// Calls `found(text)` for whatever it reads until the returned function is called. Rejects without a camera.
export async function watch(video, found) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
  let timer = 0;
  let stopped = false;
  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    for (const track of stream.getTracks()) track.stop();
  };
  video.srcObject = stream;
  await video.play();
  const look = async () => {
    const codes = await detector.detect(video).catch(() => []);
    for (const { rawValue } of codes) if (!stopped) found(rawValue);
    if (!stopped) timer = setTimeout(look, LOOK_MS);
  };
  look();
  return stop;
}
