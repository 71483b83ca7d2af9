/** Things to try, by kind of model. */

export const PHOTOS = [
  { name: "cat", file: "cat.jpg", url: "pages/samples/cat.jpg", alt: "a tabby cat that looks up" },
  { name: "coffee", file: "coffee.jpg", url: "pages/samples/coffee.jpg", alt: "a cup of espresso beside a spoon" },
  { name: "rocket", file: "rocket.jpg", url: "pages/samples/rocket.jpg", alt: "a rocket that leaves its launch pad" },
];

export const REVIEWS = [
  { name: "delighted", text: "Arrived a day early, fits perfectly, and the battery lasts all week. I could not be happier!" },
  { name: "let down", text: "I expected to love it, but it broke after a day and nobody answered my emails." },
  { name: "in between", text: "The plot is thin and the ending drags. Still, the actors are wonderful, and I laughed more than once." },
  { name: "matter of fact", text: "The parcel came on Tuesday. It holds two cables and a manual in four languages." },
];

export const ARTICLES = [
  {
    name: "a lighthouse",
    text: `The last lighthouse keeper on the island of Maren left his post on Friday. The tower has stood on the northern cliff since 1868 and guided ships through one of the narrowest straits of the coast. From now on its lamp is switched by a computer in the harbour office, forty kilometres away.

The coast guard says that the change saves 300,000 euros a year. Anders Holm, who is 61, had tended the light for 34 years. He climbed its 212 steps at least twice a day, he said, and missed only the night on which his daughter was born.

Fishermen on the island are not happy with the decision. They fear that a fault will be noticed too late in a winter storm, when the ferry does not sail and no technician can cross. The coast guard answers that two lamps and a battery stand by, and that sensors report every failure within seconds.

What happens to the tower is not settled. The town would like to open it to visitors in summer, but the stairs would have to be made safe first. A decision is expected after the holidays. 🌊`,
  },
  {
    name: "a railway path",
    text: `The city council of Harwick voted on Tuesday to turn the disused railway line along the river into a public path. The line has been closed since 1987, when the last paper mill shut down. Work will begin in March and cost 4.2 million pounds, most of it paid by a national fund for walking and cycling.

Councillor Maria Odell said that the path would connect three schools with the town centre. Some residents had feared that trees would be felled. The final plan keeps all but eleven of the four hundred trees along the track.

A petition with 6,000 names had asked for the path since 2015. It was delivered by pupils of the river school, who had counted 800 bicycles a day on the main road. The path will open in sections, the first in the summer of next year. Shops in the old station will be let to local businesses at a reduced rent.`,
  },
];

export const QUESTIONS = [
  { name: "a letter", text: "Write a short letter to a neighbour whose music is too loud at night." },
  { name: "an explanation", text: "Why does the moon look larger when it is near the horizon?" },
  { name: "a poem", text: "Write a poem of four lines about the first train in the morning." },
];

export const BEGINNINGS = [
  { name: "a harbour", text: "The harbour was quiet that morning, and" },
  { name: "a recipe", text: "Lemon cake\n\nIngredients:\n" },
];
