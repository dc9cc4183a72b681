using KernOpt.Code.Images;
using KernOpt.Tests.Binary;
using Xunit;

namespace KernOpt.Tests.Code.Images;

public sealed class ExceptionRuleTests : IDisposable
{
    private const string Redis = "/usr/bin/redis-server";

    private readonly SmallPrograms programs = new();

    public void Dispose() => programs.Dispose();

    [Fact]
    public void Redis_may_be_changed_though_its_allocator_is_written_in_cpp()
    {
        Assert.SkipUnless(File.Exists(Redis), "redis-server is not installed");
        var (running, _) = RunningProgram.Start(Redis, "--port", "0", "--save", "", "--unixsocket", Path.Combine(programs.Folder, "socket"));
        using var program = running;
        program.Image.Refresh();
        var image = program.Image;
        var own = image.MainProgram!.Functions;
        Assert.True(own.Length > 4_000);
        Assert.All(own, f => Assert.False(image.ExceptionMayPass(f, makesCalls: true).MayPass));

        foreach (var name in (string[])["libjemalloc.so.2", "libstdc++.so.6", "libc.so.6", "libm.so.6"])
        {
            var function = image.Modules.Single(m => m.Name.StartsWith(name, StringComparison.Ordinal)).Functions.First(f => !f.HasLandingPads);
            Assert.True(image.ExceptionMayPass(function, makesCalls: true).MayPass, name);
            Assert.False(image.ExceptionMayPass(function, makesCalls: false).MayPass, name);
        }
        var zlib = image.Modules.Single(m => m.Name.StartsWith("liblzf", StringComparison.Ordinal)).Functions[0];
        Assert.False(image.ExceptionMayPass(zlib, makesCalls: true).MayPass);
    }

    [Fact]
    public void In_a_program_that_catches_everything_that_calls_is_at_risk()
    {
        var (running, _) = RunningProgram.Start(programs.Compile("waits.cc", "-O2"));
        using var program = running;
        Assert.All(program.Image.Modules.SelectMany(m => m.Functions.Take(50)), f => Assert.True(program.Image.ExceptionMayPass(f, makesCalls: true).MayPass));
    }

    [Fact]
    public void Cleanups_matter_only_where_threads_are_unwound()
    {
        Assert.False(Risk("-O2", "-fexceptions").MayPass);
        Assert.True(Risk("-O2", "-fexceptions", "-DEXITS").MayPass);
        Assert.False(Risk("-O2", "-fexceptions", "-static").MayPass);
        Assert.True(Risk("-O2", "-fexceptions", "-static", "-DEXITS").MayPass);
    }

    [Fact]
    public void A_stripped_static_program_that_cleans_up_may_unwind_threads_for_all_we_know()
    {
        var (running, _) = RunningProgram.Start(programs.Compile("cleanup.c", "-O2", "-fexceptions", "-static", "-s"));
        using var program = running;
        var function = program.Image.MainProgram!.Functions.First(f => !f.HasLandingPads);
        Assert.True(program.Image.ExceptionMayPass(function, makesCalls: true).MayPass);
    }

    /// <summary>Of main, which has no landing pads and calls one that has.</summary>
    private ExceptionRisk Risk(params string[] options)
    {
        var (running, _) = RunningProgram.Start(programs.Compile("cleanup.c", options));
        using var program = running;
        var main = program.Image.Find("main").Value;
        Assert.False(main.HasLandingPads);
        Assert.True(program.Image.ExceptionMayPass(program.Image.Find("holds").Value, makesCalls: true).MayPass);
        return program.Image.ExceptionMayPass(main, makesCalls: true);
    }
}
