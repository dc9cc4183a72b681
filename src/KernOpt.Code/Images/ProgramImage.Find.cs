using System.Globalization;
using KernOpt.Target;

namespace KernOpt.Code.Images;

public sealed partial class ProgramImage
{
    private const int ListedCandidates = 8;

    /// <summary>
    /// The function called <c>symbol</c>, <c>module!symbol</c> or <c>module+0xRVA</c> (a module's base name, path or soname; RVA: live address less load bias).
    /// Refused with KO1031–KO1038: unknown, ambiguous, inside a function, of unknown size, an indirect function.
    /// </summary>
    public Outcome<Function> Find(string name)
    {
        var plus = name.LastIndexOf("+0x", StringComparison.OrdinalIgnoreCase);
        if (plus > 0 && ulong.TryParse(name.AsSpan(plus + 3), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var rva))
        {
            return FindModules(name[..plus]).Then(found => FindAt(found, rva, name));
        }
        var mark = name.IndexOf('!');
        if (name.Length == 0 || mark == 0 || mark == name.Length - 1) return Reasons.FunctionNameMalformed.With($"'{name}'");
        if (mark < 0) return FindNamed(Modules, name);
        return FindModules(name[..mark]).Then(modules => FindNamed(modules, name[(mark + 1)..]));
    }

    private Outcome<IReadOnlyList<ModuleImage>> FindModules(string name)
    {
        var modules = Modules.Where(m => m.Name == name || m.Location.Path == name).ToList();
        if (modules.Count == 0) modules = [.. Modules.Where(m => m.File.Try(out var file, out _) && file.Image.SoName == name)];
        if (modules.Count > 0) return modules;
        return Reasons.ModuleNotFound.With($"'{name}'{NearNames.Suggest(name, Modules.Select(m => m.Name))}");
    }

    private static Outcome<Function> FindAt(IReadOnlyList<ModuleImage> modules, ulong rva, string name)
    {
        if (modules.Count > 1) return Reasons.FunctionAmbiguous.With($"'{name}': {string.Join(", ", modules.Select(m => m.Location.Path))}");
        var module = modules[0];
        if (!module.File.Try(out _, out var why)) return Unreadable(module, why);
        var at = module.LoadBias + rva;
        if (module.FunctionAt(at) is not { } function) return Reasons.FunctionNotFound.With($"no function of {module.Name} is at 0x{rva:x}");
        return function.Start == at ? function : Inside(function, name, at);
    }

    private static Outcome<Function> FindNamed(IReadOnlyList<ModuleImage> modules, string name)
    {
        var places = new List<(ModuleImage Module, Address At)>();
        foreach (var module in modules)
        {
            if (module.File.Try(out var file, out _)) places.AddRange(file.AddressesOf(name).Select(a => (module, module.ToLive(a))));
        }
        if (places.Count == 0) return NotFound(modules, name);
        var functions = places.Select(p => p.Module.FunctionAt(p.At) is { } f && f.Start == p.At ? f : null).OfType<Function>().ToList();
        if (functions.Count == 1) return functions[0];
        if (functions.Count > 1) return Ambiguous(functions, name);
        var (only, at) = places[0];
        return only.FunctionAt(at) is { } holder ? Inside(holder, name, at) : Reasons.FunctionSizeUnknown.With($"{only.Name}!{name}");
    }

    private static Refusal NotFound(IReadOnlyList<ModuleImage> modules, string name)
    {
        var files = modules.Select(m => m.File.Try(out var file, out _) ? file : null).OfType<ModuleFile>().ToList();
        if (modules.Count == 1 && files.Count == 0) return Unreadable(modules[0], modules[0].File.Refusal);
        if (files.Any(f => !f.AddressesOf(name + ModuleFile.ResolverMark).IsEmpty)) return Reasons.FunctionIsIndirect.With($"'{name}'");
        return Reasons.FunctionNotFound.With($"'{name}'{NearNames.Suggest(name, files.SelectMany(f => f.Names))}");
    }

    /// <summary>Several of one module can only be told apart by address.</summary>
    private static Refusal Ambiguous(List<Function> functions, string name)
    {
        var oneModule = functions.Select(f => f.Module).Distinct().Count() < functions.Count;
        var candidates = functions.Select(f => oneModule ? f.StableName : $"{f.Module.Name}!{name}").ToList();
        var more = candidates.Count > ListedCandidates ? $" and {candidates.Count - ListedCandidates} more" : "";
        return Reasons.FunctionAmbiguous.With($"'{name}': {string.Join(", ", candidates.Take(ListedCandidates))}{more}");
    }

    private static Refusal Inside(Function holder, string name, Address at) =>
        Reasons.NotFunctionStart.With($"'{name}' is {at - holder.Start} bytes into {holder.DisplayName} ({holder.StableName})");

    private static Refusal Unreadable(ModuleImage module, Refusal why) => Reasons.ModuleUnreadable.With($"{module.Name}: {why}");
}
