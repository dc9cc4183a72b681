using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>
/// This test program, started a second time as a kernopt that installs and reverts in a process for ever, so that a test can kill it at any instant.
/// </summary>
internal static class Writer
{
    private const string Variable = "KERNOPT_TEST_WRITER";

    /// <summary>Given as the first function: points before all instructions of the others, instead of versions.</summary>
    public const string Points = "points:";

    public static Process Start(int pid, params string[] functions)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        start.Environment[Variable] = $"{pid} {string.Join(' ', functions)}";
        return Process.Start(start)!;
    }

    /// <summary>Eight writers of points, one after the other, each killed while four threads of the program run in the functions.</summary>
    public static void KillAtRandomInstants(NativeProgram program, string[] functions, Random random)
    {
        for (var round = 0; round < 8; round++)
        {
            using (var writer = Start(program.Pid, [Points, .. functions]))
            {
                Assert.Equal("ready", writer.StandardOutput.ReadLine());
                program.WriteLine("100000 4");
                Thread.Sleep(random.Next(150));
                Assert.False(writer.HasExited, "the writer ended by itself");
                writer.Kill();
                writer.WaitForExit();
            }
            Assert.Equal("ok", program.ReadLine());
        }
    }

    [ModuleInitializer]
    internal static void RunWhenAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } words) return;
        var parts = words.Split(' ');
        Loop(int.Parse(parts[0], CultureInfo.InvariantCulture), parts[1..]);
    }

    private static void Loop(int pid, string[] functions)
    {
        using var subject = new Subject(pid);
        Console.WriteLine("ready");
        if (functions[0] == Points) LoopWithPoints(subject, functions[1..]);
        for (var round = 0; ; round++)
        {
            foreach (var name in functions)
            {
                var redirect = subject.Redirect(name);
                redirect.Switch(Arm.CountedVersion(subject.Relocate(redirect, subject.GraphOf(name)).Id));
            }
            if (round % 3 == 2) subject.Live.RevertAll();
            else foreach (var redirect in subject.Live.Redirects.Where(r => !r.IsDraining)) subject.Live.Revert(redirect.Id);
        }
    }

    private static void LoopWithPoints(Subject subject, string[] functions)
    {
        for (var round = 0; ; round++)
        {
            var ladder = subject.Live.Ladder();
            var placements = functions.Select(subject.GraphOf)
                .SelectMany(g => ladder.Plan(g, g.Blocks.SelectMany(b => b.Instructions.Select((_, i) => new Point(b, i))), new HashSet<Address>(), isPlaceFree: false, () => true).Placements).ToList();
            if (placements.Count > 0) subject.Live.InstallPoints(placements, new CountProgram(), "test");
            if (round % 3 == 2) subject.Live.RevertAll();
            else foreach (var points in subject.Live.Points.Where(p => !p.IsDraining)) subject.Live.Revert(points.Id);
        }
    }
}
