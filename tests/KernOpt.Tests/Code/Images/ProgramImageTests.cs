using System.Globalization;
using KernOpt.Code.Images;
using KernOpt.Target;
using KernOpt.Tests.Binary;
using KernOpt.Tests.Code.Bodies;
using Xunit;

namespace KernOpt.Tests.Code.Images;

public sealed class ProgramImageTests : IDisposable
{
    private readonly SmallPrograms programs = new();

    public void Dispose() => programs.Dispose();

    [Fact]
    public void A_function_is_found_by_symbol_by_module_and_by_address()
    {
        var (running, _) = RunningProgram.Start(programs.Compile("loader.c", "-O2"));
        using var program = running;
        var image = program.Image;
        var main = image.Find("main").Value;
        var module = main.Module.Name;
        Assert.Same(image.MainProgram, main.Module);
        Assert.Equal(main, image.Find($"{module}!main").Value);
        Assert.Equal(main, image.Find(main.StableName).Value);
        Assert.Equal(main, image.FunctionAt(main.Range.End - 1));
        Assert.True(image.IsExecutable(main.Start));

        Assert.Equal(Reasons.NotFunctionStart, image.Find($"{module}+0x{main.Rva + 1:x}").Refusal.Reason);
        Assert.Contains("main", image.Find($"{module}+0x{main.Rva + 1:x}").Refusal.Detail);
        Assert.Equal(Reasons.FunctionNotFound, image.Find($"{module}+0x1").Refusal.Reason);
        Assert.Contains("near: main", image.Find($"{module}!mian").Refusal.Detail);
        Assert.Equal(Reasons.ModuleNotFound, image.Find("libnone.so!main").Refusal.Reason);
        Assert.Contains("libc.so.6", image.Find("libc.so6!puts").Refusal.Detail);
        Assert.All(["", "!x", "x!"], name => Assert.Equal(Reasons.FunctionNameMalformed, image.Find(name).Refusal.Reason));
        Assert.Equal(Reasons.FunctionIsIndirect, image.Find("libc.so.6!memcpy").Refusal.Reason);
        Assert.Equal("puts", image.Find("libc.so.6!puts").Value.DisplayName);
        Assert.Equal(Reasons.FunctionSizeUnknown, image.Find($"{module}!_init").Refusal.Reason);
    }

    [Fact]
    public void A_name_that_two_modules_have_is_refused_with_both()
    {
        var library = programs.Compile("split.c", "-O2", "-shared", "-fPIC");
        var (running, _) = RunningProgram.Start(programs.Compile("loader.c", "-O2"));
        using var program = running;
        Assert.Equal("done", program.Ask($"load {library}"));
        program.Image.Refresh();
        var refusal = program.Image.Find("main").Refusal;
        Assert.Equal(Reasons.FunctionAmbiguous, refusal.Reason);
        Assert.Contains($"{program.Image.MainProgram!.Name}!main", refusal.Detail);
        Assert.Contains($"{Path.GetFileName(library)}!main", refusal.Detail);
    }

    [Fact]
    public void Modules_that_stay_are_the_same_after_dlopen_and_dlclose()
    {
        var library = programs.Compile("split.c", "-O2", "-shared", "-fPIC");
        var (running, _) = RunningProgram.Start(programs.Compile("loader.c", "-O2"));
        using var program = running;
        var before = program.Image.Modules;
        Assert.Equal("done", program.Ask($"load {library}"));
        Assert.Equal(Path.GetFileName(library), Assert.Single(program.Image.Refresh().Value.Loaded).Name);
        var work = program.Image.Find("work").Value;
        Assert.Superset(before.ToHashSet(), program.Image.Modules.ToHashSet());
        Assert.Equal("done", program.Ask("unload"));
        Assert.Same(work.Module, Assert.Single(program.Image.Refresh().Value.Unloaded));
        Assert.Equal(before, program.Image.Modules);
        Assert.Null(program.Image.FunctionAt(work.Start));
    }

    [Fact]
    public void Only_what_nobody_may_write_is_constant()
    {
        var (running, line) = RunningProgram.Start(programs.Compile("loader.c", "-O2", "-pie", "-Wl,-z,relro,-z,now"));
        using var program = running;
        var image = program.Image;
        var places = line.Split(' ').Select(p => new Address(ulong.Parse(p, NumberStyles.HexNumber))).ToArray();
        Assert.False(image.IsConstantData(new(places[0], 16)), "writable data");
        Assert.True(image.IsConstantData(new(places[1], 16)), "constants");
        Assert.False(image.IsConstantData(new(places[2], 16)), "data that the loader relocated");
        var end = image.Map.At(places[1])!.Range.End;
        Assert.False(image.IsConstantData(AddressRange.Between(places[1], end + 4096)), "a range that leaves the segment");
        Assert.False(image.IsConstantData(new(places[1], 0)), "nothing");
        Assert.False(image.IsConstantData(new(places[1], ulong.MaxValue)), "a range that wraps");
        Assert.All(image.Map.Mappings.Where(m => m.Path is "[stack]" or "[heap]"), m => Assert.False(image.IsConstantData(new(m.Range.Start, 8))));
        Assert.True(image.IsConstantData(image.Find("main").Value.Range), "code is not written by the program");
    }

    [Fact]
    public void Imports_are_named_in_a_live_program()
    {
        var (running, _) = RunningProgram.Start(programs.Compile("loader.c", "-O2"));
        using var program = running;
        var image = program.Image;
        var main = image.MainProgram!;
        var labels = RealBinaries.Lines("objdump", "-d", "-j", ".plt", "-j", ".plt.sec", "-j", ".plt.got", main.Location.Path).Where(l => l.Contains("@plt>:"));
        foreach (var label in labels)
        {
            var stub = main.LoadBias + ulong.Parse(label.Split(' ')[0], NumberStyles.HexNumber);
            Assert.True(image.TryGetImport(stub, out var name), label);
            Assert.Contains($"<{name}@plt>", label);
            Assert.Null(image.FunctionAt(stub));
        }
        Assert.False(image.TryGetImport(image.Find("main").Value.Start, out _));
        Assert.NotEmpty(labels);
    }

    /// <summary>Parts that a compiler splits off may lie before their function.</summary>
    [Fact]
    public void APlace_IsBeforeOrBehindTheEntry()
    {
        var function = HandMade.Function;
        Assert.Equal($"{function.DisplayName}+0x0", function.NameOf(function.Start));
        Assert.Equal($"{function.DisplayName}+0x1a", function.NameOf(function.Start + 26));
        Assert.Equal($"{function.DisplayName}-0x10", function.NameOf(function.Start - 16));
    }
}
