// client_story API: with a client that was generated from the description, an app, a connection and a bot.
// Reads what it needs from standard input, as JSON, and prints what it got.
import {readFileSync} from "node:fs";
import {Api} from "./client.js";

const given = JSON.parse(readFileSync(0, "utf8"));
const {api} = new Api({
	baseUrl: given.url,
	securityWorker: () => ({headers: {Authorization: `Bearer ${given.key}`}}),
});

const app = await api.createZoomOauthApp(given.app);
const connection = await api.createZoomOauthConnection(given.authorization);
const bot = await api.createBot({meeting_url: given.meeting_url, metadata: {made_by: "client"}});
const tokens = await api.mintZoomTokens(bot.data.id);
const bots = await api.listBots({page_size: 1});
const refused = await api.createBot({meeting_url: "nowhere"}).catch((answer) => answer);
console.log(JSON.stringify({
	app: app.data, connection: connection.data, bot: bot.data, tokens: tokens.data, bots: bots.data,
	refused: {status: refused.status, code: refused.error.code},
}));
