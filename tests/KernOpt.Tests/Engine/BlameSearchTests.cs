using KernOpt.Engine.Blaming;
using KernOpt.Measure.Statistics;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Engine;

/// <summary>The search through programs that are known: what calls what, and how long it is in its own code.</summary>
public sealed class BlameSearchTests
{
    private static readonly BlameSettings Settings = new(0.2, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), 24);

    [Fact]
    public async Task TheOwnTimeOfAFunctionFarDown_IsNamed()
    {
        var tree = await SearchAsync(new Known().Calls("root", 1, ("a", 9), ("b", 2)).Calls("a", 1, ("deep", 8)).Calls("deep", 1, ("slow", 7)).Calls("slow", 7));
        Assert.Equal((BlameKind.OwnTime, "slow"), Named(tree));
        Assert.Equal(7.0 / 12, tree.Verdict.Bottleneck!.Share.Value, 3);
        Assert.Equal(4, tree.Steps);
    }

    /// <summary>The check above is one: where the measuring misses a call, its caller is blamed.</summary>
    [Fact]
    public async Task AMeasurementThatMissesACall_BlamesItsCaller()
    {
        var planted = new Known { Missed = "slow" }.Calls("root", 1, ("a", 9), ("b", 2)).Calls("a", 1, ("deep", 8)).Calls("deep", 1, ("slow", 7)).Calls("slow", 7);
        Assert.Equal((BlameKind.OwnTime, "deep"), Named(await SearchAsync(planted)));
    }

    [Fact]
    public async Task ASystemCall_IsNamed_WhereverItIsMade()
    {
        var tree = await SearchAsync(new Known().Calls("root", 0, ("a", 5), ("b", 5)).Calls("a", 1, ("!write", 4)).Calls("b", 2, ("!write", 3)));
        Assert.Equal((BlameKind.SystemCall, "write"), Named(tree));
        Assert.Equal((0.7, 2), (Math.Round(tree.Verdict.Bottleneck!.Share.Value, 3), tree.Verdict.Bottleneck.Places));
    }

    [Fact]
    public async Task TimeThatIsSpread_IsInconclusive()
    {
        var tree = await SearchAsync(new Known().Calls("root", 1, ("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 1)));
        Assert.Null(tree.Verdict.Bottleneck);
        Assert.Contains("spread", tree.Verdict.Why, StringComparison.Ordinal);
        Assert.Equal(1, tree.Steps);
    }

    /// <summary>A quarter on average, from nothing to a half: that a fifth is passed is not shown.</summary>
    [Fact]
    public async Task AShareThatIsNotCertain_IsInconclusive()
    {
        var known = new Known { Noise = 0.9 }.Calls("root", 0, ("a", 25), ("b", 19), ("c", 19), ("d", 19), ("e", 18)).Calls("a", 25);
        var tree = await SearchAsync(known);
        Assert.Null(tree.Verdict.Bottleneck);
        Assert.Contains("cannot be told", tree.Verdict.Why, StringComparison.Ordinal);
        known.Noise = 0.01;
        Assert.Equal((BlameKind.OwnTime, "a"), Named(await SearchAsync(known)));
    }

    [Fact]
    public async Task WhatCannotBeLookedInto_IsToldAsThat()
    {
        var tree = await SearchAsync(new Known { Refused = "a" }.Calls("root", 1, ("a", 9)));
        Assert.Equal((BlameKind.NotLookedInto, "a"), Named(tree));
        Assert.Contains("NotTimed", tree.Root.Children[0].WhyNot, StringComparison.Ordinal);
    }

    /// <summary>Interrupted, or the target ended, while it was measured: nothing is known of it, and it is not what the search found.</summary>
    [Fact]
    public async Task WhatWasCutShort_IsLeftOpen()
    {
        foreach (var why in new[] { Reasons.Interrupted, Reasons.TargetEnded })
        {
            var tree = await SearchAsync(new Known { Refused = "a", Why = why }.Calls("root", 1, ("a", 9)));
            Assert.Null(tree.Verdict.Bottleneck);
            Assert.Contains("before a (90", tree.Verdict.Why, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Recursion_EndsTheWayDown()
    {
        var tree = await SearchAsync(new Known().Calls("root", 1, ("a", 9)).Calls("a", 4, ("b", 5)).Calls("b", 1, ("a", 4)));
        Assert.Equal((BlameKind.OwnTime, "a"), Named(tree));
        Assert.True(tree.Root.Children[0].Children[0].Children[0].IsRecursive);
        Assert.Equal(3, tree.Steps);
    }

    /// <summary>What returns to a caller further up is measured as that one's call.</summary>
    [Fact]
    public async Task AFunctionThatIsJumpedTo_IsCalledByItsCallersCaller()
    {
        var known = new Known().Calls("root", 1, ("a", 9)).Calls("a", 1, (">b", 8)).Calls("b", 8);
        Assert.Equal((BlameKind.OwnTime, "b"), Named(await SearchAsync(known)));
        Assert.Contains(known.Asked, r => r is { Callee.Name: "b", CalledFrom.Name: "root", Via.Name: "a" });
    }

    [Fact]
    public async Task WhatNeverReturns_IsAskedForByWhatItCalls()
    {
        var known = new Known { Lasts = "loop" }.Calls("root", 0, ("loop", 10)).Calls("loop", 2, ("slow", 8)).Calls("slow", 8);
        Assert.Equal((BlameKind.OwnTime, "slow"), Named(await SearchAsync(known)));
        Assert.Contains(known.Asked, r => r is { Callee.Name: "loop", CalledFrom: null, Adopts: true });
    }

    [Fact]
    public async Task ARootThatNobodyCalls_IsInconclusive() =>
        Assert.Contains("no thread came into root", (await SearchAsync(new Known().Calls("root", 0))).Verdict.Why, StringComparison.Ordinal);

    [Fact]
    public async Task WhenTheTimeIsOver_WhatIsLeftIsTold()
    {
        var tree = await SearchAsync(new Known().Calls("root", 2, ("a", 8)).Calls("a", 8), () => true);
        Assert.Null(tree.Verdict.Bottleneck);
        Assert.Contains("a (80", tree.Verdict.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void ARatio_OfEqualSlicesIsCertain_AndOfUnequalOnesIsNot()
    {
        Assert.Equal((0.5, 0.0), (RatioOfSums.Of([1, 2, 3], [2, 4, 6]).Value, RatioOfSums.Of([1, 2, 3], [2, 4, 6]).Error));
        var (low, high) = RatioOfSums.Of([0, 2, 0, 2], [2, 2, 2, 2]).Interval(0.05);
        Assert.True(low < 0.1 && high > 0.9, $"{low} to {high}");
        Assert.Equal((0, double.PositiveInfinity), RatioOfSums.Of([1], [2]).Interval(0.05));
    }

    private static (BlameKind, string)? Named(BlameTree tree) => tree.Verdict.Bottleneck is { } named ? (named.Kind, named.Callee.Name) : null;

    private static async Task<BlameTree> SearchAsync(Known known, Func<bool>? isTimeOver = null) =>
        (await new BlameSearch(known, Settings, isTimeOver ?? (() => false), new Silence()).RunAsync(Known.Function("root"), TestContext.Current.CancellationToken)).Value;

    /// <summary>A program by what each function calls, and for how long. !NAME is a system call; >NAME is jumped to.</summary>
    private sealed class Known : IBreakdowns
    {
        private readonly Dictionary<string, (double Own, (string Name, double Time)[] Calls)> functions = [];

        /// <summary>Every other slice has so much more of the first call, and the others so much less.</summary>
        public double Noise { get; set; }
        public string? Missed { get; init; }
        public string? Refused { get; init; }
        public Reason Why { get; init; } = Reasons.NotTimed;
        public string? Lasts { get; init; }
        public List<BreakdownRequest> Asked { get; } = [];

        public static Callee Function(string name) => new(CalleeKind.Function, (ulong)name.GetHashCode(StringComparison.Ordinal), name, "");

        public Known Calls(string name, double own, params (string, double)[] calls)
        {
            functions[name] = (own, calls);
            return this;
        }

        public Task<Outcome<Breakdown>> MeasureAsync(BreakdownRequest request, CancellationToken cancellation)
        {
            Asked.Add(request);
            if (request.Callee.Name == Refused) return Task.FromResult<Outcome<Breakdown>>(Why.With(Refused));
            var (own, calls) = functions[request.Callee.Name];
            var parts = calls.Where(c => c.Name != Missed).Select((c, i) => new BreakdownPart(CalleeOf(c.Name), c.Name[0] == '>', c.Name == Lasts ? 0 : 10, Slices(c.Time, i == 0))).ToList();
            var inside = Slices(own + calls.Sum(c => c.Time), false);
            return Task.FromResult<Outcome<Breakdown>>(new Breakdown(1, 10, inside, parts, [], 0, 1, []));
        }

        private double[] Slices(double time, bool isNoisy) => [.. Enumerable.Range(0, 10).Select(i => time / 10 * (isNoisy ? 1 + (i % 2 == 0 ? Noise : -Noise) : 1))];

        private static Callee CalleeOf(string name) => name[0] == '!' ? new Callee(CalleeKind.SystemCall, 1, name[1..], "kernel") : Function(name.TrimStart('>'));
    }

    private sealed class Silence : IProgress<string>
    {
        public void Report(string value)
        {
        }
    }
}
