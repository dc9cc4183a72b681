using KernOpt.Bench.Figures;

// Each figure is a command of its own and prints what it measured; see src/docs/figures.md.
var figures = new Dictionary<string, Func<string[], Task<int>>>
{
    ["gaps"] = GapFigure.RunAsync,
    ["kill"] = KillFigure.RunAsync,
    ["cycles"] = CycleFigure.RunAsync,
    ["attach"] = AttachFigure.RunAsync,
    ["throughput"] = ThroughputFigure.RunAsync,
    ["speedup"] = SpeedupFigure.RunAsync,
    ["self"] = SelfFigure.RunAsync,
    ["dead"] = DeadFigure.RunAsync,
    ["cost"] = CostFigure.RunAsync,
    ["bulk"] = BulkFigure.RunAsync,
    ["coverage"] = CoverageFigure.RunAsync,
    ["hot"] = HotFigure.RunAsync,
    ["scale"] = ScaleFigure.RunAsync,
    ["time"] = TimeFigure.RunAsync,
    ["peers"] = PeersFigure.RunAsync,
};
if (args.Length > 0 && figures.TryGetValue(args[0], out var figure)) return await figure(args[1..]);
Console.Error.WriteLine($"usage: dotnet run -c Release --project tests/KernOpt.Bench -- {string.Join('|', figures.Keys)} [ARGS]");
return 64;
