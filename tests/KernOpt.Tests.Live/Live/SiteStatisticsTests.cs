using System.Globalization;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Linux;
using KernOpt.Live.Sites;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>How many functions of real programs can be entered by one store, and how. Each springboard is used once.</summary>
public sealed class SiteStatisticsTests(ITestOutputHelper output)
{
    private const int MostFunctions = 1500;

    [Fact]
    public void RealPrograms_HaveASiteInNearlyEveryFunctionThatIsParsed()
    {
        using var program = new RedisServer();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var image = ProgramImage.Read(target).Value;
        output.WriteLine("module            parsed   jump  board  loop  short  none | flags dead, all arguments there");
        foreach (var module in image.Modules.Where(m => m.Location.IsMainProgram || m.Name == "libc.so.6"))
        {
            var counted = Count(image, target, module);
            output.WriteLine(counted.ToString());
            Assert.True(counted.Parsed > 500, "too few functions to say anything");
            Assert.True(counted.Jump > 0.6 * counted.Parsed, $"{counted}");
            Assert.True(counted.Jump + counted.Springboard > 0.95 * counted.Parsed, $"{counted}");
        }
    }

    private static Counts Count(ProgramImage image, ITarget target, ModuleImage module)
    {
        var graphs = new Dictionary<Address, Outcome<FunctionGraph>>();
        var taken = new List<AddressRange>();
        var sites = new PatchSites(image, target, Parse, range => taken.Exists(t => t.Overlaps(range)));
        var counts = new Counts(module.Name);
        var stride = Math.Max(1, module.Functions.Length / MostFunctions);
        for (var i = 0; i < module.Functions.Length; i += stride)
        {
            if (!Parse(module.Functions[i]).Try(out var graph, out _)) continue;
            counts.Parsed++;
            if (sites.Choose(graph).Try(out var site, out var why))
            {
                if (site.Springboard is { } board) taken.Add(new AddressRange(board, 5));
                counts.Add(site);
            }
            else counts.Add(why.Reason);
        }
        return counts;

        Outcome<FunctionGraph> Parse(Function function)
        {
            if (!graphs.TryGetValue(function.Start, out var graph)) graphs[function.Start] = graph = FunctionParser.Parse(function, image);
            return graph;
        }
    }

    private sealed class Counts(string name)
    {
        private int loops, shorts, none, flagsDead, complete;

        public int Parsed { get; set; }
        public int Jump { get; private set; }
        public int Springboard { get; private set; }

        public void Add(PatchSite site)
        {
            if (site.Form == SiteForm.Jump) Jump++;
            else Springboard++;
            if (site.FlagsDead) flagsDead++;
            if (site.Arguments.All(a => a != Iced.Intel.Register.None)) complete++;
        }

        public void Add(Reason reason)
        {
            if (reason == Reasons.EntryRunsRepeatedly) loops++;
            else if (reason == Reasons.EntryTooShort) shorts++;
            else none++;
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture,
            $"{name,-16} {Parsed,7} {Share(Jump)} {Share(Springboard)} {Share(loops)} {Share(shorts)} {Share(none)} | {Share(flagsDead)} {Share(complete)}");

        private string Share(int count) => (100.0 * count / Math.Max(1, Parsed)).ToString("0.0", CultureInfo.InvariantCulture).PadLeft(5) + "%";
    }
}
