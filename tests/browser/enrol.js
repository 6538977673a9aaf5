// One step of an enrolment, by the page's own functions: makes a passkey, or has an approver's passkey sign it in.
const [step, token, sent, options] = arguments;
const done = arguments[arguments.length - 1];
const make = async () => {
  const credential = await makePasskey(await post("/enroll/begin", token, sent));
  return post("/enroll/finish", token, { ...sent, credential });
};
const sign = async () => post("/enroll/sign", token, { ...sent, credential: await signWithPasskey(options) });
(step === "make" ? make() : sign()).then(done, (error) => done({ error: String(error) }));
